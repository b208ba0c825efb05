"""Drives the AWS model with Amazon's own client, whose parsers are the judges of our XML and JSON.

Called by tests/boto3.rs, which sets AWS_ENDPOINT_URL and the credentials in the environment.
`drive.py` runs all checks and prints the id of an instance that it leaves running; `drive.py whoami` prints the caller's ARN.
"""

import json
import os
import sys

from botocore.exceptions import ClientError

import common
from common import client, equal, status_and_code

SUBNET = "subnet-0000000000000000a"
OTHER_SUBNET = "subnet-0000000000000000b"
IMAGE = "ami-0000000000000000e"


def refusal(call, **arguments):
    """The HTTP status and code of a call that must be refused."""
    return status_and_code(common.refusal(call, **arguments))


def launch(ec2, token, count=1, **more):
    arguments = {
        "ImageId": IMAGE,
        "InstanceType": "c7i.large",
        "MinCount": 1,
        "MaxCount": count,
        "SubnetId": SUBNET,
        "ClientToken": token,
        "UserData": "#!/bin/sh\n",
        "IamInstanceProfile": {"Name": "jit-runner"},
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": [{"Key": "jit-runners:pool", "Value": "<linux> & 'more'"}]}
            for kind in ("instance", "volume")
        ],
        **more,
    }
    return ec2.run_instances(**arguments)


def ids(instances):
    return [instance["InstanceId"] for instance in instances]


def launching(ec2):
    reply = launch(ec2, "one", count=12, InstanceMarketOptions={"MarketType": "spot"})
    equal(len(reply["Instances"]), 12)
    first = reply["Instances"][0]
    equal(first["State"], {"Code": 0, "Name": "pending"})
    equal(first["InstanceLifecycle"], "spot")
    equal(first["Tags"], [{"Key": "jit-runners:pool", "Value": "<linux> & 'more'"}])
    equal(first["Placement"]["AvailabilityZone"], "us-east-1a")
    equal(first["MetadataOptions"]["HttpTokens"], "required")
    equal(first["MetadataOptions"]["HttpPutResponseHopLimit"], 1)
    equal(first["ClientToken"], "one")
    assert first["LaunchTime"].tzinfo is not None
    again = launch(ec2, "one", count=12, InstanceMarketOptions={"MarketType": "spot"})
    equal(ids(again["Instances"]), ids(reply["Instances"]))
    elsewhere = launch(ec2, "one", SubnetId=OTHER_SUBNET)
    assert not set(ids(elsewhere["Instances"])) & set(ids(reply["Instances"])), "tokens are zonal"
    equal(refusal(lambda **more: launch(ec2, "one", **more), count=3), (400, "IdempotentParameterMismatch"))
    return ids(reply["Instances"]), ids(elsewhere["Instances"])


def describing(ec2, launched):
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    equal(len(pages), 3)
    found = [instance for page in pages for item in page["Reservations"] for instance in item["Instances"]]
    equal(ids(found), launched)
    filters = [
        {"Name": "tag:jit-runners:pool", "Values": ["<linux>*"]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    reply = ec2.describe_instances(Filters=filters)
    equal(sum(len(item["Instances"]) for item in reply["Reservations"]), len(launched))
    ghost = "i-00000000000000000"
    equal(refusal(ec2.describe_instances, InstanceIds=[launched[0], ghost]), (400, "InvalidInstanceID.NotFound"))
    equal(refusal(ec2.describe_instances, InstanceIds=["i-nonsense"]), (400, "InvalidInstanceID.Malformed"))
    equal(refusal(ec2.describe_instances, Filters=[{"Name": "colour", "Values": ["red"]}]), (400, "InvalidParameterValue"))


def terminating(ec2, launched):
    ghost = "i-00000000000000000"
    equal(refusal(ec2.terminate_instances, InstanceIds=[launched[0], ghost]), (400, "InvalidInstanceID.NotFound"))
    changes = ec2.terminate_instances(InstanceIds=launched)["TerminatingInstances"]
    equal(sorted(ids(changes)), sorted(launched))
    equal({change["CurrentState"]["Name"] for change in changes}, {"shutting-down"})
    assert {change["PreviousState"]["Name"] for change in changes} <= {"pending", "running"}


def refusals(ec2):
    scarce = {"InstanceType": "c7i.4xlarge"}
    equal(refusal(lambda **more: launch(ec2, "spot", **more), **scarce), (500, "InsufficientInstanceCapacity"))
    equal(refusal(lambda **more: launch(ec2, "image", **more), ImageId="ami-00000000000000000"), (400, "InvalidAMIID.NotFound"))
    equal(refusal(lambda **more: launch(ec2, "subnet", **more), SubnetId="subnet-0"), (400, "InvalidSubnetID.NotFound"))
    equal(refusal(lambda **more: launch(ec2, "dry", **more), DryRun=True), (412, "DryRunOperation"))
    wrong = {"aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": "wrong"}
    equal(refusal(client("ec2", **wrong).describe_instances), (401, "AuthFailure"))
    equal(refusal(client("sts", **wrong).get_caller_identity), (403, "SignatureDoesNotMatch"))
    unknown = {**wrong, "aws_access_key_id": "AKIANOBODY"}
    equal(refusal(client("sts", **unknown).get_caller_identity), (403, "InvalidClientTokenId"))
    reader = {"aws_access_key_id": "AKIAREADER", "aws_secret_access_key": "reader secret"}
    equal(client("ec2", **reader).describe_instances(MaxResults=5)["ResponseMetadata"]["HTTPStatusCode"], 200)
    equal(refusal(client("ec2", **reader).terminate_instances, InstanceIds=["i-1"]), (403, "UnauthorizedOperation"))


def queues(sqs):
    """Everything that SQS's own model of its protocol can judge."""
    dead = sqs.create_queue(QueueName="jit-jobs-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    equal(arn, "arn:aws:sqs:us-east-1:123456789012:jit-jobs-dead")
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName="jit-jobs", Attributes={"VisibilityTimeout": "1", "RedrivePolicy": policy})["QueueUrl"]
    equal(sqs.get_queue_url(QueueName="jit-jobs")["QueueUrl"], url)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "600"})
    equal(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"], "600")

    bodies = {f"<{number}> & 'more' \u00fc" for number in range(25)}
    sent = {sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"] for body in bodies}
    equal(len(sent), 25)
    received = []
    while len(received) < 25:
        reply = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageSystemAttributeNames=["ApproximateReceiveCount"]
        )
        received += reply["Messages"]
    equal({message["Body"] for message in received}, bodies)
    equal({message["MessageId"] for message in received}, sent)
    equal({message["Attributes"]["ApproximateReceiveCount"] for message in received}, {"1"})
    assert "Messages" not in sqs.receive_message(QueueUrl=url), "all are hidden"
    handles = [message["ReceiptHandle"] for message in received]
    for start in range(0, 25, 10):
        entries = [{"Id": str(place), "ReceiptHandle": handle} for place, handle in enumerate(handles[start : start + 10])]
        reply = sqs.delete_message_batch(QueueUrl=url, Entries=[*entries[:9], {"Id": "wrong", "ReceiptHandle": "AQEB"}])
        equal([(failed["Id"], failed["Code"], failed["SenderFault"]) for failed in reply["Failed"]], [("wrong", "ReceiptHandleIsInvalid", True)])
        equal(len(reply["Successful"]), len(entries[:9]))
    for handle in (handles[9], handles[19]):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    equal(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])["Attributes"], {"ApproximateNumberOfMessagesNotVisible": "0"})

    back = sqs.create_queue(QueueName="jit-back")["QueueUrl"]
    sqs.send_message(QueueUrl=back, MessageBody="again")
    (message,) = sqs.receive_message(QueueUrl=back, WaitTimeSeconds=1)["Messages"]
    mine = {"Id": "mine", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
    reply = sqs.change_message_visibility_batch(QueueUrl=back, Entries=[mine, {**mine, "Id": "other", "ReceiptHandle": "AQEB"}])
    equal([done["Id"] for done in reply["Successful"]], ["mine"])
    equal([(failed["Id"], failed["Code"]) for failed in reply["Failed"]], [("other", "ReceiptHandleIsInvalid")])
    (again,) = sqs.receive_message(QueueUrl=back, WaitTimeSeconds=1)["Messages"]
    equal(again["MessageId"], message["MessageId"])

    missing = url.replace("jit-jobs", "none")
    equal(refusal(sqs.send_message, QueueUrl=missing, MessageBody="x"), (400, "AWS.SimpleQueueService.NonExistentQueue"))
    try:
        sqs.send_message(QueueUrl=missing, MessageBody="x")
    except sqs.exceptions.QueueDoesNotExist:
        pass
    equal(refusal(sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11), (400, "InvalidParameterValue"))
    equal(refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle="x"), (404, "ReceiptHandleIsInvalid"))
    equal(refusal(sqs.create_queue, QueueName="jit-jobs", Attributes={"VisibilityTimeout": "7"}), (400, "QueueAlreadyExists"))
    equal(refusal(sqs.send_message, QueueUrl=url, MessageBody="\u0000"), (400, "InvalidMessageContents"))
    wrong = {"aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": "wrong"}
    equal(refusal(client("sqs", **wrong).receive_message, QueueUrl=url), (403, "InvalidSignatureException"))
    reader = {"aws_access_key_id": "AKIAREADER", "aws_secret_access_key": "reader secret"}
    equal(refusal(client("sqs", **reader).receive_message, QueueUrl=url), (403, "AccessDeniedException"))


def roles():
    sts = client("sts")
    role = "arn:aws:iam::123456789012:role/looker"
    session = sts.assume_role(RoleArn=role, RoleSessionName="looker", DurationSeconds=900)
    equal(session["AssumedRoleUser"]["Arn"], "arn:aws:sts::123456789012:assumed-role/looker/looker")
    assert session["Credentials"]["Expiration"].tzinfo is not None
    equal(refusal(sts.assume_role, RoleArn=role + "x", RoleSessionName="looker"), (403, "AccessDenied"))
    token = os.environ["WEB_IDENTITY_TOKEN"]
    by_token = sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="by-token", WebIdentityToken=token)
    equal(by_token["AssumedRoleUser"]["Arn"], "arn:aws:sts::123456789012:assumed-role/looker/by-token")
    wrong = {"RoleArn": role, "RoleSessionName": "by-token", "WebIdentityToken": token[:-4] + "AAAA"}
    equal(refusal(sts.assume_role_with_web_identity, **wrong), (400, "InvalidIdentityToken"))
    keys = by_token["Credentials"]
    return {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }


def lookups(credentials):
    secrets, name = client("secretsmanager", **credentials), "jit/app"
    secret = secrets.get_secret_value(SecretId=name)
    equal((secret["SecretString"], secret["VersionStages"]), ("second", ["AWSCURRENT"]))
    equal(secrets.get_secret_value(SecretId=secret["ARN"], VersionStage="AWSPREVIOUS")["SecretString"], "first")
    equal(refusal(secrets.get_secret_value, SecretId="jit/none"), (400, "ResourceNotFoundException"))
    ssm = client("ssm", **credentials)
    equal(ssm.get_parameter(Name="/jit/image")["Parameter"]["Value"], IMAGE)
    equal(refusal(ssm.get_parameter, Name="/jit/none"), (400, "ParameterNotFound"))
    equal(refusal(client("ssm").get_parameter, Name="/jit/image"), (400, "AccessDeniedException"))
    wrong = {**credentials, "aws_secret_access_key": "wrong"}
    equal(refusal(client("ssm", **wrong).get_parameter, Name="/jit/image"), (400, "InvalidSignatureException"))


def prices(ec2):
    pages = list(
        ec2.get_paginator("describe_spot_price_history").paginate(
            InstanceTypes=["c7i.large"], ProductDescriptions=["Linux/UNIX"], PaginationConfig={"PageSize": 2}
        )
    )
    found = [price for page in pages for price in page["SpotPriceHistory"]]
    equal([price["AvailabilityZone"] for price in found], ["us-east-1a", "us-east-1b", "us-east-1c"])
    equal({price["SpotPrice"] for price in found}, {"0.030000"})


def limits(ec2):
    """Last, for it leaves no request token."""
    codes = set()
    for number in range(40):
        try:
            launch(ec2, "replayed")
        except ClientError as error:
            codes.add((error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]))
    equal(codes, {(503, "RequestLimitExceeded")})


def main():
    if sys.argv[1:] == ["whoami"]:
        print(client("sts").get_caller_identity()["Arn"])
        return
    identity = client("sts").get_caller_identity()
    equal((identity["Account"], identity["Arn"]), ("123456789012", "arn:aws:iam::123456789012:user/operator"))
    ec2 = client("ec2")
    launched, kept = launching(ec2)
    describing(ec2, launched + kept)
    terminating(ec2, launched)
    refusals(ec2)
    queues(client("sqs"))
    lookups(roles())
    prices(ec2)
    limits(ec2)
    print(kept[0])


main()

"""Drives the AWS model with Amazon's own client, whose parser is the judge of our XML.

Called by tests/boto3.rs, which sets AWS_ENDPOINT_URL and the credentials in the environment.
`drive.py` runs all checks and prints the id of an instance that it leaves running; `drive.py whoami` prints the caller's ARN.
"""

import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

SUBNET = "subnet-0000000000000000a"
OTHER_SUBNET = "subnet-0000000000000000b"
IMAGE = "ami-0000000000000000e"
# One try each: the checks count calls.
CONFIG = Config(region_name="us-east-1", retries={"total_max_attempts": 1}, read_timeout=20, connect_timeout=5)


def client(service, **credentials):
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=CONFIG, **credentials)


def refusal(call, **arguments):
    """The HTTP status and code of a call that must be refused."""
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["RequestId"], error.response
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    raise AssertionError(f"{arguments} was not refused")


def equal(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


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
    limits(ec2)
    print(kept[0])


main()

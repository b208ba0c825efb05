"""Reads the model's hard answers with Amazon's own client: throttled writes, cancelled transactions, a throttled queue, and a
listing that lags behind.

Called by tests/boto3.rs, which sets AWS_ENDPOINT_URL and the credentials in the environment, and has made the model so that it
takes six write units and no more, throttles the first message, and shows an instance two seconds late. Prints "ok" at its end.
"""

import time

from common import client, equal, refusal, status_and_code

TABLE = "narrow"
# The longest wait for what lags two seconds behind.
SHOWN_WITHIN_S = 30


def put(name):
    return {"TableName": TABLE, "Item": {"kind": {"S": "k"}, "name": {"S": name}}}


def throttled_writes(db):
    db.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("kind", "name")],
        KeySchema=[{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "name", "KeyType": "RANGE"}],
    )
    db.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 3})

    # The model calls the first transaction off as if another one had its first item in hand; that costs no units.
    conflict = refusal(db.transact_write_items, TransactItems=[{"Put": put("a")}, {"Put": put("b")}])
    assert isinstance(conflict, db.exceptions.TransactionCanceledException), conflict
    equal([reason["Code"] for reason in conflict.response["CancellationReasons"]], ["TransactionConflict", "None"])

    for number in range(6):
        db.put_item(**put(f"p{number}"))
    throttled = refusal(db.put_item, **put("p6"))
    assert isinstance(throttled, db.exceptions.ProvisionedThroughputExceededException), throttled
    equal(status_and_code(throttled), (400, "ProvisionedThroughputExceededException"))

    cancelled = refusal(db.transact_write_items, TransactItems=[{"Put": put("c")}, {"Put": put("d")}])
    assert isinstance(cancelled, db.exceptions.TransactionCanceledException), cancelled
    codes = [reason["Code"] for reason in cancelled.response["CancellationReasons"]]
    equal(len(codes), 2)
    assert "ProvisionedThroughputExceeded" in codes, codes
    assert "Item" not in db.get_item(TableName=TABLE, Key=put("c")["Item"], ConsistentRead=True), "it was written"


def throttled_queue(sqs):
    url = sqs.create_queue(QueueName="busy")["QueueUrl"]
    throttled = refusal(sqs.send_message, QueueUrl=url, MessageBody="x")
    assert isinstance(throttled, sqs.exceptions.RequestThrottled), throttled
    equal(throttled.response["ResponseMetadata"]["HTTPStatusCode"], 400)
    sqs.send_message(QueueUrl=url, MessageBody="x")


def lagging_listing(ec2):
    launched = ec2.run_instances(
        ImageId="ami-0000000000000000e",
        InstanceType="c7i.large",
        MinCount=1,
        MaxCount=1,
        SubnetId="subnet-0000000000000000a",
        ClientToken="late",
        IamInstanceProfile={"Name": "jit-runner"},
    )
    (instance,) = launched["Instances"]
    named = {"InstanceIds": [instance["InstanceId"]]}
    equal(status_and_code(refusal(ec2.describe_instances, **named)), (400, "InvalidInstanceID.NotFound"))
    equal(ec2.describe_instances(MaxResults=5)["Reservations"], [])
    until = time.monotonic() + SHOWN_WITHIN_S
    while not ec2.describe_instances(MaxResults=5)["Reservations"]:
        assert time.monotonic() < until, "it never shows"
        time.sleep(0.2)
    (reservation,) = ec2.describe_instances(**named)["Reservations"]
    equal([found["InstanceId"] for found in reservation["Instances"]], [instance["InstanceId"]])


def main():
    throttled_writes(client("dynamodb"))
    throttled_queue(client("sqs"))
    lagging_listing(client("ec2"))
    print("ok")


main()

"""Drives the model's DynamoDB with Amazon's own client, whose parser is the judge of our JSON.

Called by tests/boto3.rs, which sets AWS_ENDPOINT_URL and the credentials in the environment. Prints "ok" at its end.
"""

import os

import common
from common import equal, status_and_code

TABLE = "things"


def client(**credentials):
    return common.client("dynamodb", **credentials)


def refused(call, **arguments):
    """The error of a call that must be refused, and say why."""
    error = common.refusal(call, **arguments)
    assert error.response["Error"]["Message"], error.response
    return error


def refusal(call, **arguments):
    return refused(call, **arguments).response


def code(call, **arguments):
    return status_and_code(refused(call, **arguments))


def key(name):
    return {"kind": {"S": "k"}, "name": {"S": name}}


def making(db):
    attribute = lambda name: {"AttributeName": name, "AttributeType": "S"}
    keys = lambda name: [
        {"AttributeName": "kind", "KeyType": "HASH"},
        {"AttributeName": name, "KeyType": "RANGE"},
    ]
    definition = {
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("kind"), attribute("name"), attribute("open")],
        "KeySchema": keys("name"),
        "LocalSecondaryIndexes": [
            {"IndexName": "open", "KeySchema": keys("open"), "Projection": {"ProjectionType": "ALL"}}
        ],
    }
    equal(db.create_table(**definition)["TableDescription"]["TableStatus"], "CREATING")
    db.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    described = db.describe_table(TableName=TABLE)["Table"]
    equal(described["LocalSecondaryIndexes"][0]["IndexName"], "open")
    assert described["CreationDateTime"].tzinfo is not None
    equal(code(db.create_table, **definition), (400, "ResourceInUseException"))
    specification = {"Enabled": True, "AttributeName": "exp"}
    db.update_time_to_live(TableName=TABLE, TimeToLiveSpecification=specification)
    equal(db.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]["TimeToLiveStatus"], "ENABLED")


def writing(db):
    put = {
        "TableName": TABLE,
        "Item": {**key("a"), "blob": {"B": b"\x00\xff\n"}, "flag": {"BOOL": True}, "list": {"L": [{"N": "1"}]}},
        "ConditionExpression": "attribute_not_exists(#k)",
        "ExpressionAttributeNames": {"#k": "kind"},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    db.put_item(**put)
    failed = refusal(db.put_item, **put)
    equal(failed["Error"]["Code"], "ConditionalCheckFailedException")
    equal(failed["Item"], put["Item"])
    update = {
        "TableName": TABLE,
        "Key": key("a"),
        "UpdateExpression": "SET ver = if_not_exists(ver, :zero) + :one REMOVE flag",
        "ConditionExpression": "attribute_not_exists(ver) OR ver = :expected",
        "ReturnValues": "UPDATED_NEW",
    }
    values = lambda expected: {":zero": {"N": "0"}, ":one": {"N": "1"}, ":expected": {"N": expected}}
    equal(db.update_item(ExpressionAttributeValues=values("9"), **update)["Attributes"], {"ver": {"N": "1"}})
    equal(code(db.update_item, ExpressionAttributeValues=values("9"), **update), (400, "ConditionalCheckFailedException"))
    equal(db.update_item(ExpressionAttributeValues=values("1"), **update)["Attributes"], {"ver": {"N": "2"}})
    got = db.get_item(TableName=TABLE, Key=key("a"), ConsistentRead=True)["Item"]
    equal((got["ver"], got["blob"], "flag" in got), ({"N": "2"}, {"B": b"\x00\xff\n"}, False))
    unused = {**values("1"), ":more": {"S": ""}}
    equal(code(db.update_item, ExpressionAttributeValues=unused, **update), (400, "ValidationException"))
    reserved = {**update, "UpdateExpression": "SET status = :one", "ConditionExpression": "ver > :zero"}
    message = refusal(db.update_item, ExpressionAttributeValues={":zero": {"N": "0"}, ":one": {"N": "1"}}, **reserved)
    assert "reserved keyword: status" in message["Error"]["Message"], message
    assert "Item" not in db.get_item(TableName=TABLE, Key=key("nobody"))


def transacting(db):
    put = lambda name: {
        "Put": {
            "TableName": TABLE,
            "Item": {**key(name), "open": {"S": name}},
            "ConditionExpression": "attribute_not_exists(kind)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }
    failed = refusal(db.transact_write_items, TransactItems=[put("t0"), put("a")])
    equal(failed["Error"]["Code"], "TransactionCanceledException")
    reasons = failed["CancellationReasons"]
    equal([reason["Code"] for reason in reasons], ["None", "ConditionalCheckFailed"])
    equal(reasons[1]["Item"]["ver"], {"N": "2"})
    items = [put(f"t{number}") for number in range(7)]
    db.transact_write_items(TransactItems=items, ClientRequestToken="one")
    db.transact_write_items(TransactItems=items, ClientRequestToken="one")
    wrong = {"TransactItems": items[:1], "ClientRequestToken": "one"}
    equal(code(db.transact_write_items, **wrong), (400, "IdempotentParameterMismatchException"))


def reading(db):
    query = {
        "TableName": TABLE,
        "IndexName": "open",
        "KeyConditionExpression": "kind = :kind",
        "ExpressionAttributeValues": {":kind": {"S": "k"}},
        "ConsistentRead": True,
    }
    pages = list(db.get_paginator("query").paginate(PaginationConfig={"PageSize": 3}, **query))
    equal([page["Count"] for page in pages], [3, 3, 1])
    names = [item["name"]["S"] for page in pages for item in page["Items"]]
    equal(names, [f"t{number}" for number in range(7)])
    keys = [key(name) for name in ("a", "t3", "nobody")]
    got = db.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    equal(sorted(item["name"]["S"] for item in got["Responses"][TABLE]), ["a", "t3"])
    equal(got["UnprocessedKeys"], {})


def refusals(db):
    equal(code(db.get_item, TableName="nothing", Key=key("a")), (400, "ResourceNotFoundException"))
    wrong = {"aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": "wrong"}
    equal(code(client(**wrong).get_item, TableName=TABLE, Key=key("a")), (400, "InvalidSignatureException"))
    unknown = {**wrong, "aws_access_key_id": "AKIANOBODY"}
    equal(code(client(**unknown).get_item, TableName=TABLE, Key=key("a")), (400, "UnrecognizedClientException"))
    reader = {"aws_access_key_id": "AKIAREADER", "aws_secret_access_key": "reader secret"}
    equal(code(client(**reader).get_item, TableName=TABLE, Key=key("a")), (400, "AccessDeniedException"))


def main():
    db = client()
    making(db)
    writing(db)
    transacting(db)
    reading(db)
    refusals(db)
    print("ok")


main()

"""What the scripts beside it have in common: Amazon's client on the model's address, and what they hold it to."""

import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# One try each: the scripts count calls, and the client must tell what it was told.
CONFIG = Config(region_name="us-east-1", retries={"total_max_attempts": 1}, read_timeout=20, connect_timeout=5)


def client(service, **credentials):
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"], config=CONFIG, **credentials)


def equal(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def refusal(call, **arguments):
    """The whole error of a call that must be refused."""
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["ResponseMetadata"]["RequestId"], error.response
        return error
    raise AssertionError(f"{arguments} was not refused")


def status_and_code(error):
    return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]

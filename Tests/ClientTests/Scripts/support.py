"""What the client scripts share: clients without retries, archives, and expected errors."""
import contextlib
import io
import os
import subprocess
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/test"
ECHO = "exports.handler = async (event, context) => ({ event, version: context.functionVersion })"


def client(service, **options):
    return boto3.client(service, config=Config(retries={"max_attempts": 0}, **options))


def archive(text=ECHO, name="index.js"):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
        info.external_attr = 0o644 << 16
        packed.writestr(info, text)
    return content.getvalue()


def create(lambda_, name, code=ECHO, wait=True, **members):
    given = {
        "Runtime": "nodejs22.x", "Role": ROLE, "Handler": "index.handler", "Code": {"ZipFile": archive(code)},
    }
    answer = lambda_.create_function(FunctionName=name, **{**given, **members})
    if wait:
        settle(lambda_, name)
    return answer


def settle(lambda_, name):
    lambda_.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    lambda_.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


@contextlib.contextmanager
def refused(code, text="", status=None):
    try:
        yield
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert text in error.response["Error"]["Message"], error
        if status is not None:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error
    else:
        raise AssertionError(f"{code} was expected")


def aws(*arguments, check=True):
    done = subprocess.run(os.environ["AWS"].split() + list(arguments), capture_output=True, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f"aws {' '.join(arguments)}: {done.stderr}")
    return done.stdout if check else done

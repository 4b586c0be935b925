"""What the scripts share: a call that must be refused."""
from botocore.exceptions import ClientError


def refused(name, call, **arguments):
    """Makes a call that must fail with AWS's name `name`; answers what came back."""
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == name, error.response
        return error.response
    raise AssertionError(f"{name} expected")

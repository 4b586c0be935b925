"""Objects under kills. `load STATE`: put, copy, upload in parts and delete until the server is gone, noting before each change what
may come of it and after each answer what has. `check STATE`: every object is what was answered last, or what was under way."""
import hashlib
import json
import random
import sys
import threading

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

WORKERS, KEYS = 6, 8
BUCKETS = {"plain": {}, "sealed": {"ServerSideEncryption": "aws:kms"}, "versions": {}}
mode, path = sys.argv[1], sys.argv[2]
config = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20, s3={"addressing_style": "path"}, signature_version="s3v4")
s3 = boto3.client("s3", config=config)


def body(seed):
    """Bytes that only this seed makes: from none to a few chunks."""
    generator = random.Random(seed)
    return generator.randbytes(generator.choice([0, 10, 4096, 65_536, 65_537, 200_000]))


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Worker(threading.Thread):
    """Owns its keys, so that it alone knows what they are."""

    def __init__(self, number, known, round_):
        super().__init__()
        self.number, self.known, self.random = number, known, random.Random(f"{round_}/{number}")
        self.pending, self.done, self.round = None, 0, round_

    def run(self):
        client = boto3.client("s3", config=config)
        while True:
            bucket = self.random.choice(list(BUCKETS))
            key = f"w{self.number}/{self.random.randrange(KEYS)}"
            change = self.random.choice(["put", "put", "put", "parts", "copy", "delete"])
            seed, name = f"{self.round}/{self.number}/{self.done}", f"{bucket}/{key}"
            source = self.random.choice([n for n, d in self.known.items() if d] or [None])
            if change == "copy" and source is None:
                continue
            data = body(seed)
            becomes = {"delete": None, "copy": self.known.get(source)}.get(change, digest(data))
            self.pending = (name, becomes)
            try:
                where = {"Bucket": bucket, "Key": key}
                if change == "put":
                    answer = client.put_object(**where, Body=data, **BUCKETS[bucket])
                elif change == "parts":
                    upload = client.create_multipart_upload(**where, **BUCKETS[bucket])["UploadId"]
                    part = client.upload_part(**where, UploadId=upload, PartNumber=1, Body=data)
                    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
                    answer = client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
                elif change == "copy":
                    bucket_from, key_from = source.split("/", 1)
                    answer = client.copy_object(**where, CopySource={"Bucket": bucket_from, "Key": key_from}, **BUCKETS[bucket])
                else:
                    answer = client.delete_object(**where)
            except ClientError as error:
                raise SystemExit(f"{change} {name}: {error}")
            except Exception:  # the server is gone
                return
            # botocore takes a connection that broke for a 200 if the request before it on the connection expected 100-continue and
            # was answered at once, as an empty body is: it keeps that status line. Such an answer has no headers.
            if "RequestId" not in answer["ResponseMetadata"]:
                return
            self.known[name], self.pending, self.done = becomes, None, self.done + 1
            print("done", flush=True)


def load(state):
    state["round"] += 1
    if state["round"] == 1:
        for bucket in BUCKETS:
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    workers = [Worker(n, state["known"].setdefault(str(n), {}), state["round"]) for n in range(WORKERS)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    state["changes"] += sum(worker.done for worker in workers)
    state["pending"] = {str(worker.number): worker.pending for worker in workers if worker.pending}


def check(state):
    listed = {
        f"{bucket}/{found['Key']}": found["Size"]
        for bucket in BUCKETS
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for found in page.get("Contents", [])
    }
    for worker, known in state["known"].items():
        name_pending, becomes = state["pending"].get(worker) or (None, None)
        for name in set(known) | ({name_pending} - {None}):
            bucket, key = name.split("/", 1)
            try:
                data = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                found = digest(data)
                assert listed.pop(name) == len(data), f"{name}: the listing has another size"
            except s3.exceptions.NoSuchKey:
                found = None
                assert name not in listed, f"{name} is listed and not there"
            allowed = [known.get(name)] + ([becomes] if name == name_pending else [])
            assert found in allowed, f"{name}: {found}, not one of {allowed}"
            known[name] = found
    assert not listed, f"nobody put {listed}"
    state["pending"] = {}


try:
    with open(path) as file:
        state = json.load(file)
except FileNotFoundError:
    state = {"round": 0, "changes": 0, "known": {}, "pending": {}}
{"load": load, "check": check}[mode](state)
with open(path, "w") as file:
    json.dump(state, file)

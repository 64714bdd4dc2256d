"""AWS on loopback: moto's server, which keeps a real state and speaks the real protocols, and what stands in it."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import logging
import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import boto3
import httpx
from botocore.config import Config

from pilotage.drivers.aws import Aws
from pilotage.drivers.process import OVERTAKEN

REGION = "eu-west-1"
ACCOUNT = "123456789012"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "s3cr3t-of-the-test",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def set_environment(patch: Any) -> None:
    for name in [one for one in os.environ if one.startswith("AWS_")]:
        patch.delenv(name)
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)


class Cloud:
    def __init__(self, url: str) -> None:
        self.url = url
        self.options = {"region": REGION, "endpoint_url": url}

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def reset(self) -> None:
        httpx.post(f"{self.url}/moto-api/reset", trust_env=False, timeout=30).raise_for_status()


@contextmanager
def cloud() -> Iterator[Cloud]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        running = Cloud(f"http://{host}:{port}")
        running.reset()  # its state is the process's
        yield running
    finally:
        server.stop()


def network(cloud: Cloud) -> tuple[str, list[str]]:
    """A VPC with two subnets."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = zip(("a", "b"), ("10.0.1.0/24", "10.0.2.0/24"), strict=True)
    return vpc, [
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
        for zone, block in zones
    ]


def function_role(cloud: Cloud) -> str:
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    made = cloud.client("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(trust))
    return str(made["Role"]["Arn"])


def archive(text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("app.py", f"def handler(event, context):\n    return {text!r}\n")
    return data.getvalue()


@contextmanager
def held_up(patch: Any, operation: str) -> Iterator[Any]:
    """Holds up the next call of `operation` before it is sent: it has `begun`, it may `go_on`."""
    held = SimpleNamespace(begun=threading.Event(), go_on=threading.Event())
    real = Aws._call

    def call(self: Aws, client: Any, name: str, *more: Any) -> Any:
        if name == operation and not held.begun.is_set():
            held.begun.set()
            held.go_on.wait(10)
        return real(self, client, name, *more)

    patch.setattr(Aws, "_call", call)
    yield held
    held.go_on.set()


async def later_wins(driver: Any, held: Any, call: Any) -> None:
    """The later call has the last word though the engine does not wait for the earlier one's end."""
    forward = asyncio.create_task(driver.set_weight(50, call("forward")))
    assert await asyncio.to_thread(held.begun.wait, 10)
    forward.cancel(OVERTAKEN)
    back = asyncio.create_task(driver.set_weight(0, call("back")))
    await asyncio.wait([back], timeout=0.3)
    held.go_on.set()
    assert await back == 0
    await asyncio.wait([forward])
    assert await driver.read_weight() == 0


def replaced(call: Any, **given: Any) -> Any:
    return dataclasses.replace(call, **given)

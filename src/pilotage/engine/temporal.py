"""The Engine port on Temporal: client and worker of one task queue."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from pilotage import tracing
from pilotage.core.errors import NotFound, PilotageError, Refused
from pilotage.core.events import DirectRollback
from pilotage.engine import Aftermath, Announcement, Noted, Order, Outcome, Settled, Start, aftermath_id
from pilotage.engine.activities import Activities
from pilotage.engine.aftermath import AftermathWorkflow
from pilotage.engine.clock import Clock, WallClock
from pilotage.engine.threads import Threads
from pilotage.engine.workflow import RolloutWorkflow
from pilotage.store import Store

TASK_QUEUE = "pilotage"
WORKFLOW_TASKS = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
ACTIVITY_TASKS = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
CACHED_WORKFLOWS = 100
"""A rollout's workflow sleeps while its watch runs. One that is not cached is replayed from its short history when
something happens; a cached one costs memory all the time."""
CONNECT_WITHIN_S = 20.0
ANSWERS_WITHIN = timedelta(seconds=2)
POLLED_WITHIN_S = 150.0
"""A worker's question waits a minute for work, then it asks again."""
UPDATE_TRIES = 5
UPDATE_AGAIN_S = 0.2


async def connect(address: str) -> Client:
    """A client as the environment describes it: TEMPORAL_NAMESPACE, TEMPORAL_TLS, TEMPORAL_API_KEY."""
    api_key = os.environ.get("TEMPORAL_API_KEY")
    return await Client.connect(
        address,
        namespace=os.environ.get("TEMPORAL_NAMESPACE", "default"),
        api_key=api_key,
        tls=bool(api_key) or os.environ.get("TEMPORAL_TLS", "").lower() in ("1", "true", "yes"),
        data_converter=pydantic_data_converter,
        interceptors=[Threads()] if tracing.is_on() else [],
    )


async def connect_when_up(address: str) -> Client:
    """A starting server opens its port a moment before it serves: tries until it does, PilotageError after 20 s."""
    deadline = asyncio.get_running_loop().time() + CONNECT_WITHIN_S
    while True:
        try:
            return await connect(address)
        except RuntimeError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise PilotageError(f"the engine at {address} does not answer: {error}") from None
            await asyncio.sleep(0.1)


def sandbox() -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("pilotage", "pydantic")
    )


def worker(client: Client, activities: Activities, **options: int) -> Worker:
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[RolloutWorkflow, AftermathWorkflow],
        activities=activities.all(),  # type: ignore[arg-type]
        workflow_runner=sandbox(),
        max_concurrent_activities=options.get("max_concurrent_activities", 5000),
        max_cached_workflows=options.get("max_cached_workflows", CACHED_WORKFLOWS),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        graceful_shutdown_timeout=timedelta(seconds=1),
    )


class TemporalEngine:
    """The engine port over a connected client; `worker` runs beside it in `pilotage up` and `pilotage worker`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, start: Start) -> None:
        try:
            await self._client.start_workflow(
                RolloutWorkflow.run,
                start,
                id=start.rollout,
                task_queue=TASK_QUEUE,
                task_timeout=timedelta(seconds=5),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )
        except WorkflowAlreadyStartedError:
            return

    async def command(self, rollout: str, order: Order) -> Outcome:
        outcome: Outcome = await self._update(rollout, "command", order, Outcome)
        return outcome

    async def settle(self, rollout: str, settled: Settled) -> str:
        said: str = await self._update(aftermath_id(rollout), "settle", settled, str)
        return said

    async def announce(self, rollout: str, by: str, text: str, audience: str) -> None:
        await self._update_either(rollout, "announce", Announcement(text, audience, by))

    async def note_direct(self, rollout: str, event: DirectRollback, by: str) -> None:
        about = f"direct/{by}/{event.at!r}"  # the same one again is no second one
        await self._update_either(rollout, "note_direct", Noted(event, by), about)

    async def _update_either(self, rollout: str, name: str, argument: object, about: str = "") -> None:
        """At the rollout while it runs, at its aftermath from then on."""
        try:
            await self._update(rollout, name, argument, type(None), about)
        except NotFound:
            await self._update(aftermath_id(rollout), name, argument, type(None), about)

    async def _update(self, workflow: str, name: str, argument: object, result: type[Any], about: str = "") -> Any:
        """An aftermath begins anew now and then: what falls between two runs is said again, under the same id."""
        about = about or f"{name}-{uuid4()}"
        for left in reversed(range(UPDATE_TRIES)):
            try:
                return await self._update_once(workflow, name, argument, result, about)
            except NotFound:
                if not left or not await self.is_running(workflow):
                    raise
                await asyncio.sleep(UPDATE_AGAIN_S)

    async def _update_once(self, workflow: str, name: str, argument: object, result: type[Any], about: str) -> Any:
        handle = self._client.get_workflow_handle(workflow)
        try:
            return await handle.execute_update(name, argument, result_type=result, id=about)
        except WorkflowUpdateFailedError as failure:
            if isinstance(failure.cause, ApplicationError):
                if failure.cause.type == "AcceptedUpdateCompletedWorkflow":
                    raise NotFound(f"{workflow} is not running (any more)") from None
                raise Refused(str(failure.cause)) from None
            raise
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                raise NotFound(f"{workflow} is not running (any more)") from None
            raise

    async def follow_up(self, aftermath: Aftermath) -> None:
        with suppress(WorkflowAlreadyStartedError):
            await self._client.start_workflow(
                AftermathWorkflow.run,
                aftermath,
                id=aftermath_id(aftermath.rollout),
                task_queue=TASK_QUEUE,
                task_timeout=timedelta(seconds=5),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            )

    async def is_running(self, rollout: str) -> bool:
        try:
            description = await self._client.get_workflow_handle(rollout).describe()
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return False
            raise
        return description.status is WorkflowExecutionStatus.RUNNING

    async def answers(self) -> bool:
        """Within two seconds."""
        try:
            return await self._client.service_client.check_health(timeout=ANSWERS_WITHIN)
        except (RPCError, RuntimeError):
            return False

    async def has_worker(self) -> bool:
        """Whether somebody asks for work and has done so lately, as the engine itself sees it."""
        try:
            return all([await self._is_polled(kind) for kind in (WORKFLOW_TASKS, ACTIVITY_TASKS)])
        except RPCError:
            return False

    async def _is_polled(self, kind: TaskQueueType.ValueType) -> bool:
        queue = TaskQueue(name=TASK_QUEUE)
        asked = DescribeTaskQueueRequest(namespace=self._client.namespace, task_queue=queue, task_queue_type=kind)
        found = await self._client.workflow_service.describe_task_queue(asked, timeout=ANSWERS_WITHIN)
        newest = max((one.last_access_time.ToSeconds() for one in found.pollers), default=0)
        return time.time() - newest < POLLED_WITHIN_S

    async def close(self) -> None:
        """Nothing to give back: the client's connection ends with the process."""


def activities(store: Store, state: Path, clock: Clock | None = None) -> Activities:
    return Activities(store, state, clock or WallClock())

"""How a trace goes on through the engine: from a command's update to the activities that it sets off.

The workflow itself knows nothing of it. Headers carry the `traceparent`; the engine's own histories have the same
commands with it and without it. What lasts - a rollout, a watch - has no span: its ids are planned when it begins, and
told of when it has come to something. So a trace is what one cause has set off: a person's command, or a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, NoReturn

from temporalio import activity, client, worker, workflow
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError

from pilotage import tracing

ABOVE, LINK = "traceparent", "pilotage-link"
LASTING = ("confirm", "look_after")
"""Activities that look again and again, for minutes: they have no span while they do, only one of their end."""
STEERING = ("command", "note_direct")
"""Updates that set something off which outlasts them. The others record something, and no more."""

_mine: ContextVar[str] = ContextVar("mine", default="")
"""In a workflow: the span of the update that is being handled."""

Headers = Mapping[str, Payload]


def _with(headers: Headers, **more: str) -> Headers:
    convert = PayloadConverter.default.to_payload
    return {**headers, **{NAMES[name]: convert(text) for name, text in more.items() if text}}


NAMES = {"above": ABOVE, "link": LINK}


def _text(headers: Headers, name: str) -> str:
    found = headers.get(name)
    said = PayloadConverter.default.from_payload(found) if found is not None else ""
    return said if isinstance(said, str) else ""


class Threads(client.Interceptor, worker.Interceptor):
    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:
        return _Client(next)

    def intercept_activity(self, next: worker.ActivityInboundInterceptor) -> worker.ActivityInboundInterceptor:
        return _Activity(next)

    def workflow_interceptor_class(
        self, input: worker.WorkflowInterceptorClassInput
    ) -> type[worker.WorkflowInboundInterceptor]:
        input.unsafe_extern_functions.update(pilotage_planned=tracing.planned, pilotage_emit=tracing.emit)
        return _Workflow


class _Client(client.OutboundInterceptor):
    async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:
        with tracing.span("engine start", "client") as span:
            span.note(rollout=input.id, workflow=input.workflow)
            input.headers = _with(input.headers, above=tracing.here())
            return await super().start_workflow(input)

    async def start_workflow_update(self, input: client.StartWorkflowUpdateInput) -> client.WorkflowUpdateHandle[Any]:
        with tracing.span("engine update", "client") as span:
            span.note(rollout=input.id, update=input.update)
            input.headers = _with(input.headers, above=tracing.here())
            return await super().start_workflow_update(input)


class _Workflow(worker.WorkflowInboundInterceptor):
    """`cause` is what set off whatever happens now; `link` what a workflow that lasts comes from."""

    cause = ""
    link = ""
    watches = 0

    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound, self))

    async def execute_workflow(self, input: worker.ExecuteWorkflowInput) -> Any:
        above, self.link = _text(input.headers, ABOVE), _text(input.headers, LINK)
        if above:
            self.cause = self.planned("run", above)
            at = workflow.time_ns()
            self.tell("workflow start", self.cause, (at, at), above)
        return await super().execute_workflow(input)

    async def handle_update_handler(self, input: worker.HandleUpdateInput) -> Any:
        above, began = _text(input.headers, ABOVE), workflow.time_ns()
        ids = self.planned(f"update/{input.id}", above)
        if input.update in STEERING:
            self.cause = ids
        token = _mine.set(ids)
        try:
            said = await super().handle_update_handler(input)
        except Exception as error:
            self.tell("workflow update", ids, (began, workflow.time_ns()), above, type(error).__name__)
            raise
        finally:
            _mine.reset(token)
        self.tell("workflow update", ids, (began, workflow.time_ns()), above)
        return said

    def planned(self, what: str, above: str = "") -> str:
        ids: str = workflow.extern_functions()["pilotage_planned"](f"{workflow.info().run_id}/{what}", above)
        return ids

    def tell(self, name: str, ids: str, times_ns: tuple[int, int], above: str, failed: str = "", **more: Any) -> None:
        """Once: not again when the workflow's history is replayed."""
        if not workflow.unsafe.is_replaying():
            about = {"rollout": workflow.info().workflow_id, "workflow": workflow.info().workflow_type, **more}
            tell = workflow.extern_functions()["pilotage_emit"]
            tell(name, ids, times_ns, above=above, failed=failed, kind="consumer", **about)


class _Outbound(worker.WorkflowOutboundInterceptor):
    def __init__(self, next: worker.WorkflowOutboundInterceptor, inbound: _Workflow) -> None:
        super().__init__(next)
        self._inbound = inbound

    def start_activity(self, input: worker.StartActivityInput) -> workflow.ActivityHandle[Any]:
        inbound = self._inbound
        cause = _mine.get() or inbound.cause
        if input.activity != "watch":
            input.headers = _with(input.headers, above=cause, link=inbound.link)
            return super().start_activity(input)
        inbound.watches += 1
        verdict = inbound.planned(f"watch/{inbound.watches}")
        input.headers = _with(input.headers, link=cause)
        watch = super().start_activity(input)

        def ended(_: object) -> None:
            if not watch.cancelled() and watch.exception() is None:
                inbound.cause = verdict  # from here on it is the verdict that moves the rollout
                at, action = workflow.time_ns(), watch.result().action.value.lower()
                about = {"phase": input.args[0].phase, "action": action, "links": [cause]}
                inbound.tell("verdict", verdict, (at, at), "", **about)

        watch.add_done_callback(ended)
        return watch

    async def start_child_workflow(
        self, input: worker.StartChildWorkflowInput
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        input.headers = _with(input.headers, link=self._inbound.cause or self._inbound.link)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: worker.ContinueAsNewInput) -> NoReturn:
        input.headers = _with(input.headers, link=self._inbound.cause or self._inbound.link)
        super().continue_as_new(input)


class _Activity(worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:
        info = activity.info()
        above, link = _text(input.headers, ABOVE), _text(input.headers, LINK)
        rollout = (info.workflow_id or "").removesuffix("/aftermath")
        if info.activity_type == "watch":
            token = tracing.origin.set(link)
            try:
                return await super().execute_activity(input)
            finally:
                tracing.origin.reset(token)
        links = [one for one in (link, above if info.activity_type in LASTING else "") if one]
        if info.activity_type in LASTING:
            seen = await super().execute_activity(input)
            with tracing.span(f"activity {info.activity_type}", "consumer", root=True, links=links) as span:
                span.note(rollout=rollout, attempt=info.attempt)
            return seen
        with tracing.span(f"activity {info.activity_type}", "consumer", above=above, root=True, links=links) as span:
            span.note(rollout=rollout, attempt=info.attempt)
            try:
                return await super().execute_activity(input)
            except ApplicationError as error:
                span.failed(error.type or "ApplicationError")
                raise

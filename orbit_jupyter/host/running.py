"""Running one plugin's handlers: coroutines on the host's loop, plain functions in the plugin's own threads."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from typing import Any

import msgspec

from orbit_jupyter.link import Answer, Inflow, Onward, Outflow, begin, whole_call, working_for
from orbit_jupyter.plugin import (
    App,
    Handler,
    Plugin,
    Request,
    Route,
    Streamed,
    run_in_thread,
    ui_config_to_dict,
)
from orbit_jupyter.protocol import (
    Call,
    CallCancelledError,
    Cancel,
    Credit,
    Data,
    Fail,
    OrbitError,
    PluginError,
    PluginInfo,
    Reply,
    fail_from,
)
from orbit_jupyter.protocol.faults import sendable_text

from .router import Router

log = logging.getLogger("orbit.host")

_JSON = {"content-type": "application/json"}
_encode = msgspec.json.Encoder(enc_hook=str).encode


class RunningPlugin:
    """A plugin that is loaded into this process."""

    def __init__(self, plugin: Plugin, app: App) -> None:
        self.plugin, self._app = plugin, app
        self._router = Router(plugin.routes)

    def info(self) -> PluginInfo:
        """Return how listings show it."""
        page = ui_config_to_dict(self.plugin.ui_config)
        if self.plugin.ui_module:
            page["custom_template"] = True  # so that nobody asks the bridge for modules that there aren't
        return PluginInfo(
            type=self.plugin.plugin_name,
            namespace=self.plugin.namespace,
            version=self.plugin.version,
            ui_config=page,
        )

    def handle(self, call: Call, answer: Answer) -> Onward | None:
        """Begin a call. It is answered once; what is returned takes what its caller says further."""
        try:
            _, _, rest = call.path.lstrip("/").partition("/")
            route, values = self._router.find(call.method, rest)
        except OrbitError as error:
            answer(fail_from(error))
            return None
        if route.stream:
            return self._begin(route, values, call, answer)
        return whole_call(call, answer, lambda whole, answer: self._begin(route, values, whole, answer))

    def _begin(self, route: Route, values: dict[str, str], call: Call, answer: Answer) -> Onward:
        inflow = Inflow(lambda size: answer(Credit(0, size))) if call.more else None
        outflow = Outflow(lambda data, end: answer(Data(0, data, end)))
        request = Request(call, values, self._app, inflow)
        cancel = begin(self._run(route, request, call, answer, outflow), answer)

        def onward(frame: Cancel | Data | Credit) -> None:
            if isinstance(frame, Credit):
                outflow.grant(frame.size)
            elif isinstance(frame, Data):
                if inflow is not None:
                    inflow.feed(frame.data, frame.end)
            else:
                gone = CallCancelledError(frame.reason or "the call was cancelled")
                outflow.fail(gone)
                if inflow is not None:
                    inflow.fail(gone)
                cancel(frame)

        return onward

    async def _run(self, route: Route, request: Request, call: Call, answer: Answer, outflow: Outflow) -> None:
        with working_for(call.trace, call.principal.user if call.principal else ""):
            log.debug("%s %s of plugin %s", call.method, call.path, self.plugin.instance_name)
            try:
                value = await self._invoke(route.handler, request)
                if isinstance(value, Streamed):
                    await _send(value, answer, outflow)
                else:
                    answer(_reply(value))
            except (Exception, SystemExit) as error:  # a library that calls sys.exit() must not end the endpoint
                answer(self._failure(call, error))

    async def _invoke(self, handler: Handler, request: Request) -> Any:
        if inspect.iscoroutinefunction(handler):
            return await handler(request)
        try:
            returned = await run_in_thread(self.plugin.threads, handler, request)
        except asyncio.CancelledError:
            # The thread can't be stopped; its handler is told, and its answer goes nowhere.
            request.cancelled.set()
            raise
        return await returned if inspect.isawaitable(returned) else returned

    def _failure(self, call: Call, error: BaseException) -> Fail:
        fail = fail_from(error)
        meant = isinstance(error, OrbitError) and not isinstance(error, PluginError)
        if meant or (isinstance(getattr(error, "status_code", None), int) and not isinstance(error, PluginError)):
            return fail
        where = f"{call.path} of plugin {self.plugin.instance_name}"
        if _is_meant(error):  # a batch system that is away, say: it would fill the log with tracebacks
            log.warning("%s failed: %s", where, error)
            return fail
        log.error("%s raised", where, exc_info=error)
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        # The bridge takes the traceback out again for anyone but the endpoint's own user.
        return msgspec.structs.replace(fail, data={**fail.data, "traceback": sendable_text(trace[-16_000:])})

    async def close(self) -> None:
        """End the plugin."""
        try:
            await self.plugin.close()
        except Exception:
            log.exception("plugin %s failed to close", self.plugin.instance_name)
        finally:
            self.plugin.threads.shutdown(wait=False, cancel_futures=True)


def _is_meant(error: BaseException) -> bool:
    """Return whether a handler has raised this for its caller to read, and not for its author to mend."""
    if not isinstance(error, PluginError):
        return False
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error.transient or behind is None or isinstance(behind, OrbitError)


async def _send(streamed: Streamed, answer: Answer, outflow: Outflow) -> None:
    answer(Reply(id=0, status=streamed.status, headers=dict(streamed.headers), more=True))
    try:
        async for chunk in streamed.chunks:
            await outflow.write(chunk)
        outflow.end()
    finally:
        # What is behind it, an open file above all, is given back now and not when the collector comes by.
        close = getattr(streamed.chunks, "aclose", None)
        if close is not None:
            await close()


def _reply(value: Any) -> Reply:
    if isinstance(value, Reply):
        return value
    if isinstance(value, bytes):
        return Reply(id=0, status=200, headers={"content-type": "application/octet-stream"}, body=value)
    try:
        return Reply(id=0, status=200, headers=_JSON, body=_encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise PluginError(f"the handler's answer isn't JSON: {error}") from error

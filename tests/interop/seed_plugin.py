"""A plugin as people write them for radical.orbit 0.2.0: a kettle for each client.

It is run by that release, and by this one with its import lines changed as docs/write-a-plugin.md says.
"""

import asyncio
import threading

from fastapi import FastAPI, HTTPException
from radical.orbit.client import PluginClient
from radical.orbit.plugin_base import Plugin
from radical.orbit.plugin_session_base import PluginSession
from radical.orbit.ui_schema import (
    UIConfig,
    UIField,
    UIForm,
    UIFormSubmit,
    UIMonitor,
    UINotifications,
)
from starlette.requests import Request


class KettleSession(PluginSession):
    """The kettle of one client."""

    def __init__(self, sid: str, stove: dict):
        super().__init__(sid)
        self._stove = stove
        self._litres = 0.0
        self._boils = []

    async def fill(self, litres: float) -> dict:
        self._check_active()
        if litres < 0:
            raise ValueError(f"{litres} litres can't be filled in")
        self._litres = litres
        return {"litres": litres}

    async def boil(self, cups: int) -> dict:
        self._check_active()
        if cups > self._litres * 4:
            raise HTTPException(status_code=409, detail=f"{self._litres} litres aren't {cups} cups")
        number = len(self._boils)
        self._boils.append("HEATING")
        self._stove["uses"] += 1
        self._tell(number)
        threading.Thread(target=self._heat, args=(number,)).start()
        return {"boil": number}

    def _heat(self, number: int):
        self._boils[number] = "BOILED"
        self._tell(number)

    def _tell(self, number: int):
        if self._plugin:
            self._plugin._dispatch_notify("boil", {"sid": self.sid, "boil": number, "state": self._boils[number]})

    async def status(self, number: int) -> dict:
        if not 0 <= number < len(self._boils):
            raise HTTPException(status_code=404, detail=f"unknown boil: {number}")
        return {"boil": number, "state": self._boils[number]}

    async def list_boils(self) -> list:
        return list(self._boils)

    async def close(self) -> dict:
        if self._plugin:
            self._plugin._dispatch_notify("closed", {"sid": self.sid})
        return await super().close()


class KettleClient(PluginClient):
    """What an application has of it."""

    def register_session(self, litres: float = 1.0):
        resp = self._http.post(self._url("register_session"), json={"litres": litres})
        self._raise(resp, "register")
        self._sid = resp.json()["sid"]

    def boil(self, cups: int) -> dict:
        self._require_session()
        resp = self._http.post(self._url(f"boil/{self.sid}"), json={"cups": cups})
        self._raise(resp, f"boil {cups} cups")
        return resp.json()

    def status(self, number) -> dict:
        self._require_session()
        resp = self._http.get(self._url(f"status/{self.sid}"), params={"boil": number})
        self._raise(resp, "status")
        return resp.json()

    def stove(self) -> dict:
        resp = self._http.get(self._url("stove"))
        self._raise(resp)
        return resp.json()

    def ring(self) -> dict:
        resp = self._http.post(self._url("ring"), content=b"ring ring")
        self._raise(resp)
        return resp.json()


class PluginKettle(Plugin):
    """Boils water."""

    plugin_name = "kettle"
    version = "1.2.0"
    session_class = KettleSession
    client_class = KettleClient
    session_ttl = 600
    ui_config = UIConfig(
        icon="🫖",
        title="Kettle",
        description="Boils water.",
        refresh_button=True,
        forms=[
            UIForm(
                id="boil",
                title="Boil water",
                layout="grid2",
                fields=[UIField(name="cups", type="number", label="Cups", default="2", column=1)],
                submit=UIFormSubmit(label="Boil", style="primary", endpoint="boil/{sid}"),
            )
        ],
        monitors=[UIMonitor(id="boils", title="Boils", type="task_list", empty_text="Cold.")],
        notifications=UINotifications(topic="boil", id_field="boil"),
    )

    def __init__(self, app: FastAPI, instance_name: str = "kettle"):
        super().__init__(app, instance_name)
        self._stove = {"uses": 0}
        self._neighbours = {}
        self._heard = asyncio.Event()
        self.add_route_post("boil/{sid}", self.boil)
        self.add_route_get("status/{sid}", self.status)
        self.add_route_get("boils/{sid}", self.list_boils)
        self.add_route_get("stove", self.get_stove)
        self.add_route_get("neighbours", self.get_neighbours)
        self.add_route_post("ring", self.ring)

    @classmethod
    def is_enabled(cls, app: FastAPI) -> bool:
        return not app.state.is_bridge

    def _create_session(self, sid: str, **kwargs):
        return super()._create_session(sid, stove=self._stove, **kwargs)

    async def register_session(self, request):
        data = await request.json()
        answer = await super().register_session(request)
        await self._forward(answer["sid"], KettleSession.fill, data.get("litres", 1.0))
        return answer

    async def on_topology_change(self, endpoints: dict):
        self._neighbours = {name: sorted(info["plugins"]) for name, info in endpoints.items()}
        self._heard.set()

    async def boil(self, request: Request) -> dict:
        data = await request.json()
        if "cups" not in data:
            raise HTTPException(status_code=400, detail="how many cups?")
        return await self._forward(request.path_params["sid"], KettleSession.boil, cups=data["cups"])

    async def status(self, request: Request) -> dict:
        number = int(request.query_params.get("boil", "0"))
        return await self._forward(request.path_params["sid"], KettleSession.status, number)

    async def list_boils(self, request: Request) -> list:
        return await self._forward(request.path_params["sid"], KettleSession.list_boils)

    async def get_stove(self, request: Request) -> dict:
        return {**self._stove, "endpoint": self._app.state.endpoint_name, "plugin": self.instance_name}

    async def get_neighbours(self, request: Request) -> dict:
        await self._heard.wait()
        return self._neighbours

    async def ring(self, request: Request) -> dict:
        rang = (await request.body()).decode()
        await self.send_notification("rang", {"bell": rang})
        return {"rang": rang}

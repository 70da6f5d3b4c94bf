"""The decorator `route`: what a signature asks for is what a handler gets, and what the description says."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
import pytest
import pytest_asyncio
from called import Called

from orbit_jupyter.host import PluginHost
from orbit_jupyter.link.logs import TraceFilter
from orbit_jupyter.plugin import (
    App,
    AppState,
    ConflictError,
    Plugin,
    PluginSession,
    Request,
    bind,
    current_trace,
    current_user,
    parse,
    route,
)
from orbit_jupyter.protocol import Event, Fail

if TYPE_CHECKING:
    from decimal import Decimal

log = logging.getLogger("orbit.test")


class Order(msgspec.Struct, forbid_unknown_fields=True):
    item: str
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


class Note(msgspec.Struct):
    """An order as people write it.

    Either name will do.
    """

    item: str | None = None
    what: str | None = None


class Receipt(msgspec.Struct):
    item: str
    total: float


class Shopper(PluginSession):
    def __init__(self, sid: str, **more: Any) -> None:
        super().__init__(sid, **more)
        self.bought: list[str] = []


class Shop(Plugin):
    """Takes orders."""

    plugin_name = "shop-of-test"
    session_class: ClassVar[type[PluginSession] | None] = Shopper

    @route.get("shelf/{row}/{name}")
    async def shelf(self, row: int, name: str, deep: bool = False, color: list[str] = ["red"]) -> dict[str, Any]:  # noqa: B006
        """Say what lies there.

        Rows are counted from the door.
        """
        return {"row": row, "name": name, "deep": deep, "color": color}

    @route.get("search")
    def search(self, text: str, sort: Literal["name", "price"] = "name", limit: int | None = None) -> list[str]:
        return [text, sort, str(limit), threading.current_thread().name.partition("_")[0]]

    @route.get("tags")
    async def tags(
        self,
        some: list[str] | None = None,
        few: Annotated[list[int], msgspec.Meta(max_length=2)] = [],  # noqa: B006
        both: Annotated[list[int] | None, msgspec.Meta(description="Or none")] = None,
    ) -> list[Any]:
        return [some, few, both]

    @route.post("reserve/{sid}")
    async def reserve(self, body: Order, session: Shopper) -> str:
        return f"{body.item} for {session.sid}"

    @route.post("wish")
    async def wish(self, body: Order | None = None) -> str:
        return "anything" if body is None else body.item

    @route.put("wrap")
    async def wrap(self, body: bytes = b"paper") -> bytes:
        return body

    @route.post("buy/{sid}", errors=(ConflictError,))
    async def buy(self, session: Shopper, body: Order) -> Receipt:
        """Buy something."""
        if body.item == "moon":
            raise ConflictError("the moon is sold")
        session.bought.append(body.item)
        return Receipt(body.item, 2.5 * body.count)

    @route.post("jot", body=Note)
    async def jot(self, body: dict[str, Any]) -> Any:
        return body

    @route.post("scribble", body=Note)
    async def scribble(self, request: Request) -> Any:
        return request.data

    @route.get("bought/{sid}")
    def bought(self, session: Shopper, sid: str, request: Request) -> dict[str, Any]:
        return {"bought": session.bought, "same": session.sid == sid == request.path_params["sid"]}

    @route.put("raw")
    async def raw(self, body: bytes) -> bytes:
        return body[::-1]

    @route.patch("many")
    @route.delete("many")
    async def many(self, request: Request) -> str:
        return request.method

    @route.get("who")
    def who(self) -> dict[str, str]:
        log.warning("asked")
        return {"user": current_user.get(), "trace": current_trace.get()}


class SpecialShop(Shop):
    """Overrides a handler; its routes stay."""

    plugin_name = "special-shop-of-test"

    async def many(self, request: Request) -> str:
        return "special"

    async def get_version(self, request: Request) -> dict[str, Any]:
        return {"version": "special"}


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Called]:
    events: list[Event] = []
    host = PluginHost(App(AppState(endpoint_name="hpc1")), on_event=events.append)
    await host.add_class(Shop)
    await host.add_class(SpecialShop)
    yield Called(host)
    await host.close()


@pytest.mark.asyncio
async def test_path_and_query_come_as_their_types(shop: Called) -> None:
    assert await shop.json("GET", "/shop-of-test/shelf/3/a%2Fb", query="deep=true&color=blue&color=green&x=1") == {
        "row": 3,
        "name": "a/b",
        "deep": True,
        "color": ["blue", "green"],
    }
    assert await shop.json("GET", "/shop-of-test/shelf/3/b") == {
        "row": 3,
        "name": "b",
        "deep": False,
        "color": ["red"],
    }
    assert await shop.json("GET", "/shop-of-test/search", query="text=tea&limit=3") == [
        "tea",
        "name",
        "3",
        "orbit-shop-of-test",
    ]


@pytest.mark.asyncio
async def test_empty_value_of_the_query_is_the_default_where_it_is_no_value_of_the_type(shop: Called) -> None:
    shelf = await shop.json("GET", "/shop-of-test/shelf/3/b", query="deep=&color=")
    assert (shelf["deep"], shelf["color"]) == (False, [""])
    assert (await shop.json("GET", "/shop-of-test/search", query="text=&sort=&limit=3&limit="))[:3] == [
        "",
        "name",
        "None",
    ]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "query", "body", "field"),
    [
        ("GET", "shelf/three/b", "", None, "row"),
        ("GET", "shelf/3/b", "deep=perhaps", None, "deep"),
        ("GET", "shelf/%20/b", "", None, "row"),
        ("GET", "search", "", None, "text"),
        ("GET", "search", "text=a&sort=age", None, "sort"),
        ("GET", "search", "text=a&limit=many", None, "limit"),
        ("POST", "buy/SID", "", {}, "item"),
        ("POST", "buy/SID", "", {"item": 7}, "item"),
        ("POST", "buy/SID", "", {"item": "tea", "count": 0}, "count"),
        ("POST", "buy/SID", "", {"item": "tea", "color": "red"}, "color"),
    ],
)
async def test_wrong_field_is_answered_422_and_named(
    shop: Called, method: str, path: str, query: str, body: Any, field: str
) -> None:
    sid = (await shop.json("POST", "/shop-of-test/register_session"))["sid"]
    fail = await shop.answer(method, f"/shop-of-test/{path.replace('SID', sid)}", body, query)
    assert isinstance(fail, Fail)
    assert (fail.status, fail.data["field"]) == (422, field)


@pytest.mark.asyncio
async def test_session_is_handed_to_the_handler(shop: Called) -> None:
    sid = (await shop.json("POST", "/shop-of-test/register_session"))["sid"]
    bought = await shop.json("POST", f"/shop-of-test/buy/{sid}", {"item": "tea", "count": 2})
    assert bought == {"item": "tea", "total": 5.0}
    assert await shop.json("GET", f"/shop-of-test/bought/{sid}") == {"bought": ["tea"], "same": True}
    unknown = await shop.answer("POST", "/shop-of-test/buy/session.0", {"item": "tea"})
    sold = await shop.answer("POST", f"/shop-of-test/buy/{sid}", {"item": "moon"})
    assert isinstance(unknown, Fail)
    assert isinstance(sold, Fail)
    assert (unknown.code, sold.code) == ("session-not-found", "conflict")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "lists"),
    [
        ("", [None, [], None]),
        ("some=a&some=b&few=1&both=3", [["a", "b"], [1], [3]]),
        ("some=a&few=1&few=2&both=3&both=4", [["a"], [1, 2], [3, 4]]),
    ],
)
async def test_query_has_lists_also_where_they_are_annotated_or_may_be_none(
    shop: Called, query: str, lists: list[Any]
) -> None:
    assert await shop.json("GET", "/shop-of-test/tags", query=query) == lists
    refused = await shop.answer("GET", "/shop-of-test/tags", query="few=1&few=2&few=3")
    assert isinstance(refused, Fail)
    assert (refused.status, refused.data["field"]) == (422, "few")


@pytest.mark.asyncio
async def test_body_with_a_default_may_be_left_out(shop: Called) -> None:
    assert await shop.json("POST", "/shop-of-test/wish") == "anything"
    assert await shop.json("POST", "/shop-of-test/wish", {"item": "tea"}) == "tea"
    wrong = await shop.answer("POST", "/shop-of-test/wish", {})
    assert isinstance(wrong, Fail)
    assert (wrong.status, wrong.data["field"]) == (422, "item")
    wrapped = await shop.answer("PUT", "/shop-of-test/wrap")
    assert not isinstance(wrapped, Fail)
    assert wrapped.body == b"paper"


@pytest.mark.asyncio
async def test_document_says_which_bodies_are_required(shop: Called) -> None:
    paths = (await shop.json("GET", "/shop-of-test/openapi.json"))["paths"]

    def required(method: str, name: str) -> bool:
        body = paths[f"/hpc1/shop-of-test/{name}"][method]["requestBody"]
        return bool(body.get("required", False))

    assert {name: required("post", name) for name in ("buy/{sid}", "reserve/{sid}", "wish", "jot")} == {
        "buy/{sid}": True,
        "reserve/{sid}": True,
        "wish": False,
        "jot": False,
    }
    assert (required("put", "raw"), required("put", "wrap")) == (True, False)


@pytest.mark.asyncio
async def test_unknown_session_comes_before_a_wrong_body_whatever_the_order_of_parameters(shop: Called) -> None:
    unknown = await shop.answer("POST", "/shop-of-test/reserve/session.0", {"item": 7})
    assert isinstance(unknown, Fail)
    assert (unknown.status, unknown.code) == (404, "session-not-found")
    sid = (await shop.json("POST", "/shop-of-test/register_session"))["sid"]
    assert await shop.json("POST", f"/shop-of-test/reserve/{sid}", {"item": "tea"}) == f"tea for {sid}"


@pytest.mark.asyncio
async def test_raw_body_several_methods_and_overridden_handlers(shop: Called) -> None:
    reply = await shop.answer("PUT", "/shop-of-test/raw", [1])
    assert not isinstance(reply, Fail)
    assert reply.body == b"]1["
    assert [await shop.json(method, "/shop-of-test/many") for method in ("PATCH", "DELETE")] == ["PATCH", "DELETE"]
    assert await shop.json("PATCH", "/special-shop-of-test/many") == "special"
    assert await shop.json("GET", "/special-shop-of-test/version") == {"version": "special"}


@pytest.mark.asyncio
async def test_handler_in_a_thread_knows_its_call_and_so_do_its_log_lines(
    shop: Called, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(TraceFilter())
    caplog.handler.setFormatter(logging.Formatter("%(trace)s %(message)s"))
    reply = await shop.answer("GET", "/shop-of-test/who", trace="t-4711")
    assert not isinstance(reply, Fail)
    assert msgspec.json.decode(reply.body) == {"user": "ann", "trace": "t-4711"}
    assert "t-4711 asked" in caplog.text
    log.warning("outside")
    assert "- outside" in caplog.text


@pytest.mark.asyncio
async def test_routes_describe_themselves(shop: Called) -> None:
    doc = await shop.json("GET", "/shop-of-test/openapi.json")
    assert doc["openapi"] == "3.1.0"
    shelf = doc["paths"]["/hpc1/shop-of-test/shelf/{row}/{name}"]["get"]
    assert shelf["summary"] == "Say what lies there."
    assert "from the door" in shelf["description"]
    assert [(given["name"], given["in"], given["required"]) for given in shelf["parameters"]] == [
        ("row", "path", True),
        ("name", "path", True),
        ("deep", "query", False),
        ("color", "query", False),
    ]
    assert shelf["parameters"][0]["schema"] == {"type": "integer"}
    assert shelf["parameters"][2]["schema"] == {"type": "boolean", "default": False}
    buy = doc["paths"]["/hpc1/shop-of-test/buy/{sid}"]["post"]
    wanted = buy["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert wanted == "#/components/schemas/hpc1.shop-of-test.Order"
    assert doc["components"]["schemas"]["hpc1.shop-of-test.Order"]["properties"]["count"]["minimum"] == 1
    assert {"200", "400", "403", "404", "409", "410", "413", "422", "503", "504"} == set(buy["responses"])
    assert doc["paths"]["/hpc1/shop-of-test/many"].keys() == {"patch", "delete"}
    assert "200" in doc["paths"]["/hpc1/shop-of-test/register_session"]["post"]["responses"]
    assert len({op["operationId"] for path in doc["paths"].values() for op in path.values()}) == sum(
        len(path) for path in doc["paths"].values()
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["jot", "scribble"])
async def test_body_can_be_described_by_another_type_than_it_is_read_as(shop: Called, path: str) -> None:
    assert await shop.json("POST", f"/shop-of-test/{path}", {"text": 7}) == {"text": 7}
    doc = await shop.json("GET", "/shop-of-test/openapi.json")
    described = doc["paths"][f"/hpc1/shop-of-test/{path}"]["post"]
    wanted = described["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert wanted == "#/components/schemas/hpc1.shop-of-test.Note"
    note = doc["components"]["schemas"]["hpc1.shop-of-test.Note"]
    assert note["properties"].keys() == {"item", "what"}
    assert note["description"] == "An order as people write it.\n\nEither name will do."
    assert "422" in described["responses"]


def test_signature_that_cannot_be_served_is_refused_when_the_plugin_is_made() -> None:
    async def untyped(word): ...  # type: ignore[no-untyped-def]

    async def two_bodies(body: Order, more: Receipt) -> None: ...

    async def session_without_sid(session: Shopper) -> None: ...

    for handler, says in ((untyped, "needs a type"), (two_bodies, "several"), (session_without_sid, "{sid}")):
        with pytest.raises(TypeError, match=says):
            bind(handler, "some/path")


def test_type_that_only_checkers_see_is_named_unless_the_handler_takes_the_request_alone() -> None:
    async def priced(price: Decimal) -> None: ...

    async def plain(request: Decimal) -> Decimal:
        return request

    with pytest.raises(
        TypeError, match=r"priced: its annotations name 'Decimal'.* outside of `if TYPE_CHECKING:`"
    ):
        bind(priced, "some/path")
    _, about = bind(plain, "some/path")
    assert (about.query, about.body, about.answer) == ((), None, None)


class Shelf(msgspec.Struct):
    place: Path
    rows: int = 1


class Room(msgspec.Struct):
    way: Path = Path("/")


class Oddities(Plugin):
    """Some of its types have no JSON schema."""

    plugin_name = "oddities-of-test"

    @route.get("where")
    async def where(self, below: float = float("inf"), near: Path = Path("home"), deep: int = 2) -> Path:
        return Path("/attic")

    @route.get("shelf")
    async def shelf(self) -> Shelf:
        return Shelf(Path("/attic"))

    @route.get("room")
    async def room(self) -> Room:
        return Room()

    @route.post("either")
    async def either(self, body: Order | Note) -> Receipt:  # msgspec can't tell them apart
        return Receipt(str(body), 0)


@pytest.mark.asyncio
async def test_type_without_a_schema_costs_its_own_description_alone() -> None:
    host = PluginHost(App(AppState(endpoint_name="hpc1")), on_event=lambda _: None)
    await host.add_class(Oddities)
    doc = await Called(host).json("GET", "/oddities-of-test/openapi.json")
    await host.close()

    def of(method: str, name: str) -> Any:
        return doc["paths"][f"/hpc1/oddities-of-test/{name}"][method]

    def answer(operation: Any) -> Any:
        return operation["responses"]["200"]["content"]["application/json"]["schema"]

    where = of("get", "where")
    assert "type" not in answer(where)
    shapes = {given["name"]: given["schema"] for given in where["parameters"]}
    assert [name for name, shape in shapes.items() if "default" in shape] == ["deep"]
    assert (shapes["below"], shapes["deep"]) == ({"type": "number"}, {"type": "integer", "default": 2})
    shelf = doc["components"]["schemas"][answer(of("get", "shelf"))["$ref"].rpartition("/")[2]]
    assert shelf["properties"]["rows"] == {"type": "integer", "default": 1}
    assert answer(of("get", "room")) == {}
    assert of("post", "either")["requestBody"]["content"]["application/json"]["schema"] == {}
    assert "$ref" in answer(of("post", "either"))


class Booth(PluginSession):
    def __init__(self, sid: str, language: str = "en") -> None:
        super().__init__(sid)
        self.language = language


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    language: str = "en"


class Booths(Plugin):
    plugin_name = "booths-of-test"
    session_class: ClassVar[type[PluginSession] | None] = Booth

    async def register_session(self, request: Request) -> dict[str, Any]:
        wanted = parse(await request.json(), Wanted)
        return {"sid": self._add_session(language=wanted.language).sid}

    @route.get("language/{sid}")
    async def language(self, session: Booth) -> str:
        return session.language


@pytest.mark.asyncio
async def test_plugin_can_take_what_a_client_says_of_its_session() -> None:
    host = PluginHost(App(AppState(endpoint_name="hpc1")), on_event=lambda _: None)
    await host.add_class(Booths)
    await host.add_class(Shop)
    called = Called(host)
    sid = (await called.json("POST", "/booths-of-test/register_session", {"language": "de"}))["sid"]
    assert await called.json("GET", f"/booths-of-test/language/{sid}") == "de"
    refused = await called.answer("POST", "/booths-of-test/register_session", {"color": "red"})
    assert isinstance(refused, Fail)
    assert refused.status == 422
    # Elsewhere it is left alone, as radical.orbit does: its clients say more than their plugins read.
    assert await called.json("POST", "/shop-of-test/register_session", {"anything": 1})
    await host.close()

"""Where a link leads, as people write it, and where it is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from orbit_jupyter.link import Address, Found, Search, find_cert, orbit_home, read_text

SECRET = "s3cr3t-t0ken"


@pytest.mark.parametrize(
    ("written", "url", "websocket_url"),
    [
        ("http://host:8888/orbit", "http://host:8888/orbit", "ws://host:8888/orbit"),
        ("https://host/orbit", "https://host/orbit", "wss://host/orbit"),
        ("ws://host:8888/orbit", "http://host:8888/orbit", "ws://host:8888/orbit"),
        ("wss://host/orbit/register", "https://host/orbit", "wss://host/orbit"),
        ("wss://host:8000/register", "https://host:8000", "wss://host:8000"),
        ("https://host/user/ada/orbit/", "https://host/user/ada/orbit", "wss://host/user/ada/orbit"),
        ("https://host/orbit/register/", "https://host/orbit", "wss://host/orbit"),
        ("https://host/preregister", "https://host/preregister", "wss://host/preregister"),
        ("  HTTPS://Host/Orbit \n", "https://Host/Orbit", "wss://Host/Orbit"),
        ("http://[::1]:8888/orbit?token=x#y", "http://[::1]:8888/orbit", "ws://[::1]:8888/orbit"),
        (f"https://orbit:{SECRET}@host:1/orbit", "https://host:1/orbit", "wss://host:1/orbit"),
    ],
)
def test_url_is_understood_as_people_write_it(written: str, url: str, websocket_url: str) -> None:
    address = Address.parse(written, None, None)
    assert (address.url, address.websocket_url) == (url, websocket_url)


@pytest.mark.parametrize(
    "written",
    ["", "host", "host:8888/orbit", "ftp://host/orbit", "https://", "http:///orbit", "/orbit", "http://[::1"],
)
def test_what_is_no_url_of_a_bridge_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"no URL of a bridge|Invalid IPv6"):
        Address.parse(written, None, None)


@pytest.mark.parametrize(
    "written",
    [
        f"ftp://orbit:{SECRET}@host/orbit",
        f"https://orbit:{SECRET}@/orbit",
        f"orbit:{SECRET}@host/orbit",
    ],
)
def test_refusal_of_a_url_never_shows_the_secret_in_it(written: str) -> None:
    with pytest.raises(ValueError, match="no URL of a bridge") as caught:
        Address.parse(written, None, None)
    assert SECRET not in str(caught.value)


def test_credentials_in_the_url_are_the_token_where_none_is_given() -> None:
    address = Address.parse("https://orbit:a%2Fb%40c@host/orbit", None, None)
    assert (address.token, address.token_from) == ("a/b@c", "the URL")
    given = Address.parse("https://orbit:other@host/orbit", Found(SECRET, "$X"), None)
    assert (given.token, given.token_from) == (SECRET, "$X")
    assert Address.parse("https://host/orbit", None, None).token == ""


def test_token_goes_into_the_header_and_never_into_a_text() -> None:
    address = Address.parse(f"https://orbit:{SECRET}@host/orbit", None, None)
    assert address.headers == {"Authorization": "Basic b3JiaXQ6czNjcjN0LXQwa2Vu"}
    for text in (repr(address), str(address), f"{address}", address.url, address.websocket_url, repr([address])):
        assert SECRET not in text
    assert "the URL" in repr(address)
    assert Address("https://host/orbit").headers == {}


def test_certificate_is_kept_for_tls_alone_and_must_be_there(tmp_path: Path, home: Path) -> None:
    cert = home / "mine.pem"
    cert.write_text("x")
    assert Address.parse("https://host/orbit", None, "~/mine.pem").cert == str(cert)
    assert Address.parse("http://host/orbit", None, str(cert)).cert is None
    assert Address.parse("http://host/orbit", None, "/not/there").cert is None
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pem"):
        Address.parse("https://host/orbit", None, str(tmp_path / "nowhere.pem"))


def test_trust_is_the_system_s_unless_a_certificate_is_given() -> None:
    assert Address("http://host/orbit").ssl_context() is None
    context = Address("https://host/orbit").ssl_context()
    assert context is not None
    assert context.check_hostname


# -- where it is found --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "variable", "other", "file", "value", "place"),
    [
        ("a", "b", "c", "d", "a", "the argument"),
        (None, "b", "c", "d", "b", "$ORBIT_X"),
        ("", "b", "c", "d", "b", "$ORBIT_X"),
        (None, None, "c", "d", "c", "elsewhere"),
        (None, "", None, "d", "d", "FILE"),
        (None, None, "", " d \n", "d", "FILE"),
    ],
)
def test_first_place_that_has_something_wins(
    argument: str | None,
    variable: str | None,
    other: str | None,
    file: str,
    value: str,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "file"
    path.write_text(file)
    if variable is not None:
        monkeypatch.setenv("ORBIT_X", variable)
    search = Search("thing").argument(argument).variable("ORBIT_X").look("elsewhere", lambda: other).file(path)
    assert search.require() == Found(value, str(path) if place == "FILE" else place)


def test_place_behind_the_first_that_has_something_is_not_even_looked_at() -> None:
    search = Search("thing").argument("a").look("secret place", lambda: pytest.fail("looked"))
    assert search.places == ["the argument"]


def test_error_names_every_place_that_was_looked_at(tmp_path: Path) -> None:
    search = Search("client token").argument(None).variable("ORBIT_X").file(tmp_path / "not" / "there")
    with pytest.raises(ValueError, match="no client token was found") as caught:
        search.require()
    for place in ("the argument", "$ORBIT_X", str(tmp_path / "not" / "there")):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "fine"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False), (0o620, False)]
)
def test_secret_s_file_is_refused_where_others_may_touch_it(mode: int, fine: bool, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(SECRET)
    path.chmod(mode)
    assert read_text(path) == SECRET
    if fine:
        assert read_text(path, secret=True) == SECRET
        return
    with pytest.raises(PermissionError, match=f"chmod 600 {path}") as caught:
        Search("token").file(path, secret=True)
    assert SECRET not in str(caught.value)


def test_file_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert read_text(tmp_path / "gone", secret=True) is None
    assert read_text(tmp_path / "file" / "below", secret=True) is None


def test_certificate_is_searched_in_argument_variable_and_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert orbit_home() == home / ".radical" / "orbit"
    assert find_cert(None) is None
    orbit_home().mkdir(parents=True)
    default = orbit_home() / "bridge_cert.pem"
    default.write_text("x")
    assert find_cert(None) == str(default)
    monkeypatch.setenv("RADICAL_ORBIT_BRIDGE_CERT", "/from/env.pem")
    assert find_cert(None) == "/from/env.pem"
    assert find_cert("/mine.pem") == "/mine.pem"

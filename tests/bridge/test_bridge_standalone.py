"""`jupyter orbit` before it listens: its options, its certificate, and what it says about its URL."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from traitlets.config import Config

from orbit_jupyter.bridge.announce import announcement, public_host, url_of, write_url_file
from orbit_jupyter.bridge.certificate import check_pair
from orbit_jupyter.bridge.extension import OrbitExtension
from orbit_jupyter.bridge.standalone import BridgeServerApp

Pair = tuple[Path, Path]
Issue = Callable[[str], Pair]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def issue(authority: trustme.CA, tmp_path: Path) -> Issue:
    def issue_as(name: str) -> Pair:
        made = authority.issue_cert("bridge.example.org")
        cert, key = tmp_path / f"{name}_cert.pem", tmp_path / f"{name}_key.pem"
        made.cert_chain_pems[0].write_to_path(cert)
        made.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        return cert, key

    return issue_as


def app(*arguments: str) -> BridgeServerApp:
    """Return the server as these words would make it, without starting anything."""
    made = BridgeServerApp()
    made.aliases = {**made.aliases, **OrbitExtension.aliases}
    made.parse_command_line(list(arguments))
    return made


def put_default_pair(home: Path, pair: Pair) -> Pair:
    folder = home / ".radical" / "orbit"
    folder.mkdir(parents=True)
    return pair[0].rename(folder / "bridge_cert.pem"), pair[1].rename(folder / "bridge_key.pem")


# -- options -------------------------------------------------------------------------------------------------


def test_without_a_certificate_it_listens_for_this_machine_alone() -> None:
    made = app()
    assert (made.certfile, made.keyfile, made.ip, made.port) == ("", "", "127.0.0.1", 8000)
    assert made.on_this_machine_alone


def test_with_a_certificate_it_listens_for_all(issue: Issue) -> None:
    cert, key = issue("a")
    made = app("--cert", str(cert), "--key", str(key))
    assert (made.certfile, made.keyfile, made.ip) == (str(cert), str(key), "")
    assert not made.on_this_machine_alone


@pytest.mark.parametrize(
    "arguments",
    [
        ("--host=192.0.2.7", "--port=8443", "--cert=c", "--key=k", "-p", "sysinfo"),
        ("--host", "192.0.2.7", "--port", "8443", "--cert", "c", "--key", "k", "--plugins", "sysinfo"),
        ("--ip=192.0.2.7", "--port=8443", "--certfile=c", "--keyfile=k", "--plugins=sysinfo"),
        (
            "--ServerApp.ip=192.0.2.7",
            "--ServerApp.port=8443",
            "--ServerApp.certfile=c",
            "--ServerApp.keyfile=k",
            "--OrbitExtension.bridge_plugins=sysinfo",
        ),
    ],
)
def test_jupyters_spellings_and_those_of_the_seed_say_the_same(arguments: tuple[str, ...]) -> None:
    made = app(*arguments)
    assert (made.ip, made.port, made.certfile, made.keyfile) == ("192.0.2.7", 8443, "c", "k")
    assert made.config["OrbitExtension"]["bridge_plugins"] == "sysinfo"


def test_an_option_wins_over_the_environment_and_that_over_a_file(
    home: Path, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_home = put_default_pair(home, issue("home"))
    assert (app().certfile, app().keyfile) == tuple(map(str, in_home))
    monkeypatch.setenv("RADICAL_ORBIT_BRIDGE_CERT", "/env/cert.pem")
    monkeypatch.setenv("RADICAL_ORBIT_BRIDGE_KEY", "/env/key.pem")
    assert (app().certfile, app().keyfile) == ("/env/cert.pem", "/env/key.pem")
    made = app("--cert=/option/cert.pem", "--key=/option/key.pem")
    assert (made.certfile, made.keyfile) == ("/option/cert.pem", "/option/key.pem")


def test_a_certificate_that_is_taken_back_takes_its_key_with_it(home: Path, issue: Issue) -> None:
    put_default_pair(home, issue("home"))
    made = app("--cert=")
    assert (made.certfile, made.keyfile, made.ip) == ("", "", "127.0.0.1")


def test_a_busy_port_is_an_error_not_another_port() -> None:
    assert app().port_retries == 0


@pytest.mark.parametrize(("alone", "expected"), [(True, "default"), (False, "")])
def test_only_a_bridge_on_its_own_has_plugins_of_itself_by_default(alone: bool, expected: str) -> None:
    extension = OrbitExtension()
    if alone:
        extension.serverapp = app()
    assert extension.bridge_plugins == expected
    assert OrbitExtension(config=Config(OrbitExtension={"bridge_plugins": "x"})).bridge_plugins == "x"


def test_the_public_url_is_kept_without_credentials() -> None:
    extension = OrbitExtension(public_url="https://orbit:secret@proxy.example.org/orbit/")
    extension._check_options()
    assert extension.public_url == "https://proxy.example.org/orbit"


@pytest.mark.parametrize("wrong", [{"public_url": "proxy"}, {"bridge_plugins": "no-such-plugin"}])
def test_a_wrong_option_ends_a_bridge_on_its_own_and_nobodys_notebooks(wrong: dict[str, str]) -> None:
    extension = OrbitExtension(**wrong)
    extension._check_options()
    assert (extension.public_url, extension.bridge_plugins) == ("", "")
    alone = OrbitExtension(**wrong)
    alone.serverapp = app()
    with pytest.raises(SystemExit) as ended:
        alone._check_options()
    assert ended.value.code == 1


# -- certificate and key -------------------------------------------------------------------------------------


def test_a_good_pair_is_taken_from_two_files_or_one(issue: Issue, tmp_path: Path) -> None:
    cert, key = issue("a")
    check_pair(str(cert), str(key))
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    both.chmod(0o600)
    check_pair(str(both), "")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_key_that_others_can_read_is_refused(issue: Issue, mode: int) -> None:
    cert, key = issue("a")
    key.chmod(mode)
    with pytest.raises(PermissionError, match=f"can be read by others.*run: chmod 600 {key}"):
        check_pair(str(cert), str(key))


def test_a_key_in_the_certificates_file_is_looked_at_in_the_same_way(issue: Issue, tmp_path: Path) -> None:
    cert, key = issue("a")
    both = tmp_path / "both of them.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    both.chmod(0o644)
    with pytest.raises(PermissionError, match=r"run: chmod 600 '.*both of them\.pem'"):
        check_pair(str(both), "")


def test_what_is_wrong_with_a_pair_is_said(issue: Issue, tmp_path: Path) -> None:
    cert, key = map(str, issue("a"))
    other_cert, other_key = map(str, issue("b"))
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    nonsense.chmod(0o600)
    for given, says in [
        (("/nowhere.pem", key), "the certificate /nowhere.pem isn't there"),
        ((cert, "/nowhere.pem"), "the key /nowhere.pem isn't there"),
        ((str(tmp_path), key), "isn't there, or is no file"),
        (("", key), "no certificate; give it with --cert"),
        ((cert, ""), "no key; give it with --key"),
        ((cert, other_key), "don't belong together"),
        ((other_cert, str(nonsense)), "must be PEM files"),
        ((str(nonsense), key), "must be PEM files"),
    ]:
        with pytest.raises(ValueError, match=says):
            check_pair(*given)


def test_a_key_behind_a_passphrase_is_refused_instead_of_asked_for(tmp_path: Path, issue: Issue) -> None:
    from cryptography.hazmat.primitives import serialization

    cert, key = issue("a")
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    encrypted = loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    key.write_bytes(encrypted)
    with pytest.raises(ValueError, match="behind a passphrase"):
        check_pair(str(cert), str(key))


# -- what it says --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ip", "fqdn", "outbound", "expected"),
    [
        ("192.0.2.7", "login1.example.org", "192.0.2.8", "192.0.2.7"),
        ("127.0.0.1", "login1.example.org", "192.0.2.8", "127.0.0.1"),
        ("", "login1.example.org", "192.0.2.8", "login1.example.org"),
        ("0.0.0.0", "login1.example.org", "192.0.2.8", "login1.example.org"),
        ("::", "login1.example.org", "192.0.2.8", "login1.example.org"),
        ("", "login1", "192.0.2.8", "192.0.2.8"),
        ("", "localhost.localdomain", "192.0.2.8", "192.0.2.8"),
        ("", "1.0.0.127.in-addr.arpa", "192.0.2.8", "192.0.2.8"),
        ("", "login1", None, "login1"),
    ],
)
def test_others_reach_it_by_full_name_else_address_else_short_name(
    ip: str, fqdn: str, outbound: str | None, expected: str
) -> None:
    assert public_host(ip, lambda: fqdn, lambda: outbound, lambda: "login1") == expected


@pytest.mark.parametrize(
    ("host", "base", "url"),
    [
        ("h.example.org", "/", "https://h.example.org:8000/orbit"),
        ("2001:db8::1", "/", "https://[2001:db8::1]:8000/orbit"),
        ("h", "/user/ann/", "https://h:8000/user/ann/orbit"),
    ],
)
def test_the_url_is_made_of_host_port_and_base(host: str, base: str, url: str) -> None:
    assert url_of("https", host, 8000, base) == url


def test_the_announcement_says_how_an_endpoint_joins_and_who_can_reach_it() -> None:
    def said(cert: str, alone: bool, proxied: bool) -> str:
        return "\n".join(announcement("https://b/orbit", cert=cert, alone=alone, proxied=proxied))

    secured = said("/c.pem", False, False)
    assert secured.startswith("URL: https://b/orbit\n")
    assert "jupyter orbit token create NAME" in secured
    assert "orbit-endpoint --name NAME --url https://b/orbit --cert /c.pem\n" in secured
    assert "only this machine" in said("", True, False)
    assert "can be read on their way" in said("", False, False)
    for good in (secured, said("", True, True), said("", False, True), said("/c.pem", False, True)):
        assert "Without a certificate" not in good
    assert "--cert" not in said("/c.pem", True, True)


def test_the_url_is_left_for_this_home_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "orbit" / "bridge.url"
    before = os.umask(0o077)
    try:
        assert write_url_file(path, "https://a/orbit") == "https://a/orbit"
    finally:
        os.umask(before)
    assert path.read_text() == "https://a/orbit\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert write_url_file(path, "https://b/orbit") == "https://a/orbit"
    assert [entry.name for entry in path.parent.iterdir()] == ["bridge.url"]


def test_a_url_file_that_cannot_be_written_whole_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "orbit" / "bridge.url"
    path.parent.mkdir()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        write_url_file(path, "https://a/orbit")
    assert [entry.name for entry in path.parent.iterdir()] == ["bridge.url"]

from __future__ import annotations

import pytest

from orbit_jupyter.ssh import LocalForward, RemoteForward, check_host, check_login, check_target

HOSTILE = [
    "-oProxyCommand=touch /tmp/x",
    "-F/tmp/x",
    "",
    "-",
    "a b",
    "a\nb",
    "a;b",
    "$(a)",
    "`a`",
    "a%h",
    "ssh://host",
    ".host",
    "host-",
    "h" * 300,
    "höst",
    "a\0b",
    "'a'",
    "a/b",
]


@pytest.mark.parametrize("host", ["n1", "node-1.cluster.example", "10.0.0.1", "nid_001", "fe80::1", "::1", "A"])
def test_hosts(host: str) -> None:
    assert check_host(host) == host


@pytest.mark.parametrize("host", [*HOSTILE, "user@host"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="is no host name"):
        check_host(host)


@pytest.mark.parametrize("login", ["login1", "me@login1.example", "me.too@10.0.0.1"])
def test_logins(login: str) -> None:
    assert check_login(login) == login


@pytest.mark.parametrize("login", [*HOSTILE, *(f"me@{host}" for host in HOSTILE), "-l@host", "@host", "a b@host"])
def test_what_is_no_login_is_refused(login: str) -> None:
    with pytest.raises(ValueError, match=r"is no host name|is neither HOST nor USER@HOST"):
        check_login(login)


@pytest.mark.parametrize("target", ["host:8888", "10.0.0.1:1", "[::1]:65535", "/run/user/1/orbit/bridge.sock"])
def test_targets(target: str) -> None:
    assert check_target(target) == target
    assert LocalForward(target).arguments(None)[1].endswith(f":{target}")
    assert RemoteForward(target).arguments(None) == ("-R", f"127.0.0.1:0:{target}")


@pytest.mark.parametrize(
    "target",
    [
        *[
            "host",
            "host:0",
            "host:65536",
            "host:",
            ":1",
            "host:x",
            "::1:80",
            "host:1:2",
            "a b:1",
            "-a:1",
            "host:²",
        ],
        *["/a:b", "/a b", "x/y", "/%h", "/${HOME}", "/" + "a" * 200],
    ],
)
def test_what_is_no_target_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=r"is no host name|is neither HOST:PORT|into brackets"):
        check_target(target)


def test_local_forward_keeps_its_port_while_that_is_free() -> None:
    forward = LocalForward("host:1")
    (_, first), (_, other) = forward.arguments(None), forward.arguments(None)
    port = int(first.split(":")[1])
    assert forward.arguments(port)[1] == first
    assert other.split(":")[0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("line", "local", "remote"),
    [
        ("debug1: Local forwarding listening on 127.0.0.1 port 4711.", 4711, None),
        ("Allocated port 4711 for remote forward to 127.0.0.1:8888", None, 4711),
        ("debug1: Allocated port 4711 for remote forward", None, None),
        ("banner: Local forwarding listening on 127.0.0.1 port 4711.", None, None),
        ("", None, None),
    ],
)
def test_line_that_says_that_it_stands(line: str, local: int | None, remote: int | None) -> None:
    assert (LocalForward("h:1").port_in(line), RemoteForward("h:1").port_in(line)) == (local, remote)

"""Who is let in to the inspector's page, by what a browser says of who asks; over the wire it is in test_page.py."""

import socket

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from lgn_lite.inspector.visits import Door

HERE = "127.0.0.1:8866"
SECRET = "s" * 32


def refused(door: Door, uri: str = "/", host: str = HERE, **headers: str) -> bool:
    named = HTTPHeaders({"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()})
    return bool(door.refuses(HTTPServerRequest(start_line=RequestStartLine("GET", uri, "HTTP/1.1"), headers=named)))


@pytest.mark.parametrize("secret", ["", SECRET])
@pytest.mark.parametrize(
    "headers",
    [
        {}, {"Sec_Fetch_Site": "none"}, {"Sec_Fetch_Site": "same-origin"}, {"Origin": f"http://{HERE}"},
        {"Referer": f"http://{HERE}/login?next=%2F"},
        {"Sec_Fetch_Site": "none", "Referer": "http://elsewhere.example/"},  # the browser's own word counts more
    ],
)  # fmt: skip
def test_a_person_and_the_page_itself_are_let_in(secret, headers):
    assert not refused(Door("127.0.0.1", secret), **headers)


@pytest.mark.parametrize("secret", ["", SECRET])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "whatever comes"},
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9999"}, {"Origin": "http://[::1"},
        {"Sec_WebSocket_Origin": "http://evil.example"}, {"Referer": "https://evil.example/page"},
        {"Referer": f"http://{HERE}.evil.example/"}, {"Sec_Fetch_Site": "same-origin", "Origin": "http://evil.example"},
    ],
)  # fmt: skip
def test_another_site_is_not_unless_it_knows_the_token(secret, headers):
    """A link with the token, in a chat or a notebook, opens the page; nothing else of another site's does."""
    door = Door("127.0.0.1", secret)
    for uri in ("/", "/?token=", "/?token=wrong", f"/voila/static/voila.js?token={SECRET}", "/login", "/?token=%ff"):
        assert refused(door, uri, **headers)
    assert refused(door, f"/?token={SECRET}", **headers) == (not secret)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.5"])
def test_on_this_machine_only_its_own_names_count(host):
    door = Door(host, "")
    for name in ("127.0.0.1", "127.0.0.1:8866", "localhost:8866", "LOCALHOST", "[::1]:8866", "127.8.9.10:1"):
        assert not refused(door, host=name), name
    for name in (
        "evil.example",
        "localhost.evil.example:8866",
        "192.168.1.5:8866",
        "",
        "[::1",
        "127.0.0.1.evil.example",
    ):
        assert refused(door, host=name), name


def test_for_other_machines_a_name_of_ours_or_the_token():
    """Whoever can let any name resolve to this machine gets nothing without the token."""
    open_door, door = Door("0.0.0.0", ""), Door("0.0.0.0", SECRET)
    for name in ("192.168.1.5:8866", "[fe80::1]:8866", f"{socket.gethostname()}:8866", "localhost:8866"):
        assert not refused(open_door, host=name) and not refused(door, host=name), name
    assert refused(open_door, host="evil.example:8866")
    assert not refused(door, host="a-name-that-only-they-know.example")  # the token is asked for behind this door

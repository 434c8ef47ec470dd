import pytest

from write_api.inputs.errors import InvalidInput
from write_api.inputs.urls import parse


@pytest.mark.parametrize(
    "url",
    [
        "https://pend.example/terms.pdf",
        "https://pend.example:8443/a%20b?c=d&e[]=f#g",
        "https://xn--mgbh0fb.example",
        "https://[2001:db8::1]/a",
    ],
)
def test_https_urls_are_kept_as_they_are(url: str) -> None:
    assert parse(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "pend.example/a.pdf",
        "//pend.example/a.pdf",
        "http://pend.example/a.pdf",
        "javascript:alert(1)",
        "data:text/html,<script>",
        "https:",
        "https:///a.pdf",
        "https://pend.example@evil.example/",
        "https://user:word@pend.example/",
        "https://pend.example:99999/",
        "https://pend.example:0/",
        "https://[pend.example/",
        "https://pend.example/a b",
        "https://pend.example/\nx",
        "https://pend.example\\@evil.example/",
        'https://pend.example/"><script>',
        "https://p\u0435nd.example/",
        "https://pend.example/" + "x" * 2_048,
        None,
        7,
    ],
)
def test_anything_else_is_refused(url: object) -> None:
    with pytest.raises(InvalidInput):
        parse(url)

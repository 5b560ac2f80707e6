"""Personal data that was planted is found and redacted, each kind; what only looks like it is left."""

from __future__ import annotations

import pytest

from curation.quality.pii import find_pii, redacted


@pytest.mark.parametrize(
    ("text", "kinds", "without"),
    [
        ("Mail john.doe@gmail.com today.", ("EMAIL",), "Mail [EMAIL] today."),
        ("Anna <anna@firma.de>,\r\nBob bob@x.org", ("EMAIL",), "Anna <[EMAIL]>,\r\nBob [EMAIL]"),
        ("Call (415) 867-5309 or +1 415 867 5309.", ("PHONE",), "Call [PHONE] or [PHONE]."),
        ("Call +44 20 7183 8750!", ("PHONE",), "Call [PHONE]!"),
        ("My SSN is 123-45-6789.", ("SSN",), "My SSN is [SSN]."),
        ("Pay with 4111 1111 1111 1111 now.", ("CREDIT_CARD",), "Pay with [CREDIT_CARD] now."),
        ("Pay with 5500005555555559 now.", ("CREDIT_CARD",), "Pay with [CREDIT_CARD] now."),
        (
            "From 93.184.216.34 and http://93.184.216.34/a",
            ("IP_ADDRESS",),
            "From [IP_ADDRESS] and http://[IP_ADDRESS]/a",
        ),
        ("a@b.de\n\n415-867-5309\nc@d.de", ("EMAIL", "PHONE"), "[EMAIL]\n\n[PHONE]\n[EMAIL]"),
    ],
)
def test_personal_data_is_found_and_redacted(text: str, kinds: tuple[str, ...], without: str) -> None:
    assert find_pii(text) == kinds
    assert redacted(text) == without
    assert find_pii(redacted(text)) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Mail user@example.com, a@b.example.org or me@host.test.",
        "git clone git@github.com:a/b.git",
        "Mail your.name@email.com, Your_Name@firma.de, youremail@gmail.com, name@domain.com or anna@domain.com.",
        "Use Python 3.11.7 or version 10.0.190.1, v1.22.33.44, Chrome/99.0.48.120, pkg==30.2.100.7.",
        "Section 1.2.3.4 and the OIDs 1.3.6.1.4.1.311 and 93.184.216.34.7.",
        "127.0.0.1, 192.168.0.1, 10.1.2.30, 192.0.2.33, 255.255.255.0 and 8.8.8.8",
        "On 2024-01-15 10:30:00, at 1700000000, id 123456789, price 1000000000.",
        "Call 555-867-5309, 212-555-0123, 123-456-7890, 1234567890 or 4158675309.",
        "The card 4111 1111 1111 1112 has a wrong check digit.",
        "ISBN 978-3-16-148410-0 and pi is 3.14159265358979.",
        "Born on 01/02/1990 in 90210, Beverly Hills.",
        "x @ y, foo@bar, @name, 12-34-56",
        "",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert find_pii(text) == ()
    assert redacted(text) == text


@pytest.mark.parametrize(
    "text",
    ["٢٥.٣.٤.٥", "۲۵.۳.۴.۵", "२५.३.४.५", "192.168.٠.1", "25.03.04.05"],  # noqa: RUF001
)
def test_numbers_in_other_digits_or_with_leading_zeros_are_no_address(text: str) -> None:
    assert find_pii(f"See {text} of the contract; write to anna@firma.de.") == ("EMAIL",)


@pytest.mark.parametrize("address", ["yourij@firma.de", "rename@firma.de", "anna@mydomain.com", "digit@firma.de"])
def test_addresses_that_only_begin_or_end_like_placeholders_are_somebodys(address: str) -> None:
    assert find_pii(f"Mail {address}.") == ("EMAIL",)


def test_planted_data_is_counted_exactly() -> None:
    texts = [f"Note {number}: nothing to see, as of 2024-01-{number % 28 + 1:02}." for number in range(300)]
    for position in range(0, 300, 10):
        texts[position] += f" Ask person{position}@mail.de."
    for position in range(5, 300, 20):
        texts[position] += f" Ring 415-867-{5000 + position}."
    kinds = [find_pii(text) for text in texts]
    assert kinds.count(("EMAIL",)) == 30
    assert kinds.count(("PHONE",)) == 15
    assert kinds.count(()) == 255

"""Codes by email: one code a challenge, to the enrolled address alone, good for ten minutes and for one login."""

from __future__ import annotations

import re
import time
from collections import Counter

import pytest

from tfa_middleware.errors import RecordError, Rejected
from tfa_middleware.mail import compose
from tfa_middleware.model import Account, Authenticator, Message, Visit
from tfa_middleware.verifiers.base import Begun, Enrolled, Once, State, Verified, Verifier
from tfa_middleware.verifiers.email import Email, last_line, masked

NOW = 1_700_000_000.5
HOME = Authenticator("e1", "email", "a•••@example.com", 0, data={"address": "anna@example.com"})
WORK = Authenticator("e2", "email", "a•••@example.org", 0, data={"address": "anna@example.org"})
ANNA = Account("user", "anna", True, (HOME, WORK))


MAIL = """\
{lead}

    {code}

It is good once, until 2023-11-14 22:23 UTC. Type it only into the page that
asked for it; tell it to nobody.

Asked for on 2023-11-14 22:13 UTC at backup.example.com by Firefox on Linux,
192.0.2.7.

{advice}

@backup.example.com #{code}"""


def visit(now: float = NOW, **changes: str) -> Visit:
    facts = {
        "issuer": "Backup Console",
        "client": "Firefox on Linux, 192.0.2.7",
        "host": "backup.example.com",
        **changes,
    }
    return Visit(now, facts["issuer"], "user", "en", facts["client"], facts["host"], gettext=lambda message: message)


def email(**settings: int) -> Email:
    return Email(Email.Settings(**settings))


def begun(verifier: Email | None = None, **changes: str) -> tuple[State, Message]:
    started = (verifier or email()).begin(ANNA, (HOME, WORK), visit(NOW, **changes))
    assert started.mail is not None
    return started.state, started.mail


def answer(
    state: State, code: str, now: float = NOW, authenticators: tuple[Authenticator, ...] = (HOME, WORK)
) -> Verified:
    return email().verify(ANNA, authenticators, state, {"code": code}, visit(now))


def test_it_is_a_verifier() -> None:
    assert isinstance(email(), Verifier)


class TestChallenge:
    def test_the_code_of_the_mail_is_right(self) -> None:
        state, mail = begun()
        found = re.search(r"^    (\d{6})$", mail.text, re.MULTILINE)
        assert found
        done = answer(state, found[1])
        assert done.authenticator is HOME
        assert done.consumes == (Once(state["nonce"]),)

    def test_two_challenges_consume_different_names(self) -> None:  # C5, C6
        assert re.fullmatch(r"[0-9a-f]{32}", str(begun()[0]["nonce"]))  # 128 bits: none comes twice
        assert begun()[0]["nonce"] != begun()[0]["nonce"]

    def test_a_code_is_useless_in_another_challenge(self) -> None:  # C6
        (mine, _), (other, _) = begun(email(digits=10)), begun(email(digits=10))
        with pytest.raises(Rejected, match="wrong"):
            answer(mine, other["code"])

    @pytest.mark.parametrize("shape", ["{0} {1}", "{0}-{1}", "\u00a0{0}{1}\t"])
    def test_blanks_and_hyphens_do_not_matter(self, shape: str) -> None:  # B11
        state, _ = begun()
        code = state["code"]
        assert answer(state, shape.format(code[:3], code[3:])).authenticator is HOME

    @pytest.mark.parametrize("shape", ["", "{0}0", "+{0}", "{0}\n", "{0}" * 50, "\uff10{0}"])
    def test_anything_else_is_wrong(self, shape: str) -> None:
        state, _ = begun()
        with pytest.raises(Rejected, match="wrong"):
            answer(state, shape.format(state["code"]))

    @pytest.mark.parametrize("form", [{}, {"code": ""}, {"Code": "123456"}])
    def test_a_missing_code_is_wrong(self, form: dict[str, str]) -> None:
        with pytest.raises(Rejected) as caught:
            email().verify(ANNA, (HOME, WORK), begun()[0], form, visit())
        assert caught.value.reason == "wrong"

    @pytest.mark.parametrize(
        ("age", "reason"), [(-60.001, "expired"), (-60, ""), (599.999, ""), (600, "expired"), (600.001, "expired")]
    )
    def test_the_edges_of_its_time(self, age: float, reason: str) -> None:  # C4, and 60 s between two machines' clocks
        state = {**begun()[0], "sent": int(NOW)}
        try:
            found = answer(state, state["code"], int(NOW) + age).authenticator.id
        except Rejected as error:
            found = error.reason
        assert found == (reason or "e1")

    def test_the_reasons_tell_wrong_and_late_apart(self) -> None:
        state, _ = begun()
        other = f"{(int(state['code']) + 1) % 10**6:06d}"
        for code, now, reason in (
            ("x", NOW, "wrong"),
            (other, NOW, "wrong"),
            (state["code"], NOW + 600, "expired"),
        ):
            with pytest.raises(Rejected) as caught:
                answer(state, code, now)
            assert caught.value.reason == reason

    def test_digits_of_other_scripts_are_wrong(self) -> None:
        state, _ = begun()
        with pytest.raises(Rejected, match="wrong"):
            answer(state, "".join(chr(0xFF10 + int(digit)) for digit in state["code"]))

    @pytest.mark.parametrize(
        ("age", "good"), [(0, True), (599, True), (599.9, False), (600, False), (86400, False), (-3600, False)]
    )
    def test_a_code_is_good_for_ten_minutes(self, age: float, good: bool) -> None:  # C4
        state, _ = begun()
        if good:
            assert answer(state, state["code"], NOW + age).authenticator is HOME
        else:
            with pytest.raises(Rejected, match="expired"):
                answer(state, state["code"], NOW + age)

    def test_a_shorter_life_is_a_setting(self) -> None:  # C4
        verifier = email(valid=60)
        state, mail = begun(verifier)
        with pytest.raises(Rejected, match="expired"):
            verifier.verify(ANNA, (HOME,), state, {"code": state["code"]}, visit(NOW + 61))
        assert "22:14 UTC" in " ".join(mail.text.split())

    @pytest.mark.parametrize(
        ("value", "good"), [("10m", True), ("60", True), ("601", False), ("1h", False), ("59s", False)]
    )
    def test_no_setting_makes_it_longer(self, value: str, good: bool) -> None:  # C4
        parse = Email.Settings.__dataclass_fields__["valid"].metadata["parse"]
        if good:
            assert parse(value) <= 600
        else:
            with pytest.raises(ValueError, match="60s to 10m"):
                parse(value)

    def test_it_goes_to_the_first_address_and_to_nobody_else(self) -> None:  # C2
        _, mail = begun()
        assert mail.to == "anna@example.com"
        second = email().begin(ANNA, (WORK,), visit())
        assert second.mail is not None
        assert second.mail.to == "anna@example.org"
        assert answer(second.state, second.state["code"]).authenticator is WORK

    def test_an_address_in_the_form_is_ignored(self) -> None:  # C2
        state, _ = begun()
        form = {"code": state["code"], "email": "eve@example.net", "address": "eve@example.net"}
        assert email().verify(ANNA, (HOME, WORK), state, form, visit()).authenticator is HOME

    def test_an_address_that_was_taken_out_or_changed_proves_nothing(self) -> None:  # E9
        state, _ = begun()
        moved = Authenticator("e1", "email", "", 0, data={"address": "eve@example.net"})
        for left in ((), (WORK,), (moved, WORK)):
            with pytest.raises(Rejected) as caught:
                answer(state, state["code"], authenticators=left)
            assert caught.value.reason == "the address was taken out meanwhile"

    @pytest.mark.parametrize("data", [{}, {"address": ""}, {"address": None}, {"address": "a@x\r\nBcc: b@y"}])
    def test_a_damaged_record_is_refused(self, data: dict[str, object]) -> None:  # K5, C15
        with pytest.raises(RecordError) as caught:
            email().begin(ANNA, (Authenticator("e1", "email", "", 0, data=data),), visit())
        assert str(caught.value) == "the mail address of a record is missing or damaged"

    def test_no_address_at_all_is_refused(self) -> None:  # K5
        with pytest.raises(RecordError) as caught:
            email().begin(ANNA, (), visit())
        assert str(caught.value) == "no mail address is enrolled"

    def test_the_page_shows_the_address_masked(self) -> None:
        state, _ = begun()
        prompt = email().prompt(ANNA, state, visit())
        assert prompt.facts == {"address": "a•••@example.com", "expires": int(NOW) + 600}
        assert "a•••@example.com" in prompt.text
        assert "anna@" not in f"{prompt.text}{prompt.facts}"
        assert (prompt.field_name, prompt.numeric) == ("code", True)

    def test_no_repr_shows_the_code(self) -> None:  # K1
        started = email().begin(ANNA, (HOME,), visit())
        assert started.state["code"] not in repr(started) + repr(started.mail)


class TestCodes:
    @pytest.mark.parametrize("digits", [6, 8, 10])
    def test_length_and_leading_zeros(self, digits: int) -> None:  # C3
        codes = [begun(email(digits=digits))[0]["code"] for _ in range(300)]
        assert {len(code) for code in codes} == {digits}
        assert len(set(codes)) > 290

    def test_each_digit_is_as_likely_at_each_place(self) -> None:  # C3
        codes = [begun()[0]["code"] for _ in range(2000)]
        for place in range(6):
            seen = Counter(code[place] for code in codes)
            assert set(seen) == set("0123456789")
            assert max(seen.values()) < 300  # 200 expected; seven standard deviations


class TestMail:
    def test_it_says_who_when_where_and_what_to_do(self) -> None:  # C11
        words = " ".join(begun()[1].text.split())
        for fact in (
            "Backup Console",
            "2023-11-14 22:13 UTC",
            "22:23 UTC",
            "backup.example.com",
            "Firefox on Linux, 192.0.2.7",
        ):
            assert fact in words
        assert "If this was not you, somebody knows your password" in words

    def test_every_word_of_a_login_s_mail(self) -> None:  # C11, C12
        state, mail = begun()
        assert (mail.to, mail.subject) == ("anna@example.com", "Your code for Backup Console")
        assert mail.text == MAIL.format(
            lead="This code completes your login to Backup Console:",
            code=state["code"],
            advice="If this was not you, somebody knows your password: change it now and tell\n"
            "whoever runs Backup Console.",
        )

    def test_unprintable_words_of_the_request_become_blanks_and_long_ones_are_cut(self) -> None:  # C11, C15
        words = " ".join(begun(host="a\x00b \t c", client="x" * 101)[1].text.split())
        assert f"at a b c by {'x' * 100}." in words
        assert " at - by -." in " ".join(begun(host="", client="\u200b ")[1].text.split())

    def test_no_line_is_longer_than_76(self) -> None:  # C14: none is folded on its way
        for length in range(1, 60):
            lines = begun(client="x" * length)[1].text.split("\n")
            assert max(map(len, lines)) <= 76

    def test_its_times_are_utc_wherever_the_server_stands(self, monkeypatch: pytest.MonkeyPatch) -> None:  # C11
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "Asia/Tokyo")
            time.tzset()
            words = begun()[1].text
        time.tzset()
        assert "2023-11-14 22:13 UTC" in words

    def test_it_has_no_link_even_where_the_request_smuggles_one(self) -> None:  # C11
        _, mail = begun(
            client="see https://eve.example.net/\r\n\r\nyour account is closed", host="a.example\r\nhttp://x"
        )
        assert "://" not in mail.text
        assert "at a.example http x by see https eve.example.net/ your" in " ".join(mail.text.split())
        assert not re.search(r"^your account", mail.text, re.MULTILINE)

    def test_the_subject_has_no_code(self) -> None:  # C12
        state, mail = begun()
        assert mail.subject == "Your code for Backup Console"
        assert state["code"] not in mail.subject

    def test_the_last_line_binds_the_code_to_the_site(self) -> None:  # C13
        state, mail = begun()
        assert mail.text.split("\n")[-1] == f"@backup.example.com #{state['code']}"

    @pytest.mark.parametrize("host", ["Backup.Example.com:8443", "backup.example.com:", "backup.example.com"])
    def test_a_port_is_no_part_of_the_host(self, host: str) -> None:  # C13
        assert last_line(host, "012345") == "@backup.example.com #012345"

    @pytest.mark.parametrize("host", ["", "a b", "eve.example\n@x", "[::1]:80", "a..b", "x#1", "é.example", "a/b"])
    def test_an_odd_host_binds_nothing(self, host: str) -> None:  # C13, C15
        assert last_line(host, "012345") == ""

    def test_it_composes_with_short_ascii_lines(self) -> None:  # C14
        sent = compose(begun()[1], "Console <no-reply@example.com>", "backup.example.com")
        assert sent["Auto-Submitted"] == "auto-generated"
        assert max(map(len, sent.as_bytes().splitlines())) <= 78

    def test_a_long_host_is_not_broken(self) -> None:
        host = "-".join(["very"] * 12) + ".backup.example.com"
        assert host in begun(host=host)[1].text.split("\n\n")[3]


class TestEnrolment:
    account = Account("user", "ben")

    def step(self, state: State, form: dict[str, str], now: float = NOW) -> Enrolled | Begun:
        return email().finish_enrolment(self.account, state, form, visit(now))

    def sent(self, address: str = "ben@example.com") -> Begun:
        first = email().begin_enrolment(self.account, {}, visit())
        second = self.step(first.state, {"address": address})
        assert isinstance(second, Begun)
        return second

    def test_first_the_address_then_the_code(self) -> None:
        first = email().begin_enrolment(self.account, {}, visit())
        prompt = email().prompt(self.account, first.state, visit())
        assert first.mail is None
        assert (prompt.field_name, prompt.numeric) == ("address", False)
        second = self.sent()
        assert second.mail is not None
        assert second.mail.to == "ben@example.com"
        assert second.mail.text.endswith(f"@backup.example.com #{second.state['code']}")
        assert "ben@example.com" in email().prompt(self.account, second.state, visit()).text  # a slip of the pen shows
        done = self.step(second.state, {"code": second.state["code"]})
        assert isinstance(done, Enrolled)
        assert (done.label, done.data) == ("b•••@example.com", {"address": "ben@example.com"})
        assert done.consumes == (Once(second.state["nonce"]),)

    def test_every_word_of_the_mail_to_a_new_address(self) -> None:  # C11, C12
        begun = self.sent()
        assert begun.mail is not None
        assert (begun.mail.to, begun.mail.subject) == ("ben@example.com", "Your code for Backup Console")
        assert begun.mail.text == MAIL.format(
            lead="This code confirms that codes for Backup Console may come to this address:",
            code=begun.state["code"],
            advice="If this was not you, do nothing: without the code, this address is not used.",
        )

    def test_every_word_of_the_pages(self) -> None:
        first = email().begin_enrolment(self.account, {}, visit())
        prompts = [email().prompt(self.account, state, visit()) for state in (first.state, self.sent().state)]
        assert [prompt.text for prompt in prompts] == [
            "Enter the address that gets your codes.",
            "Enter the code from the mail to ben@example.com.",
        ]
        assert prompts[1].facts == {"address": "ben@example.com", "expires": int(NOW) + 600}

    def test_the_mail_to_a_stranger_does_not_speak_of_his_password(self) -> None:
        mail = self.sent().mail
        assert mail is not None
        assert "password" not in mail.text
        assert "do nothing" in mail.text

    def test_the_address_is_made_canonical(self) -> None:
        assert self.sent(" Ben@EXAMPLE.com ").state["address"] == "Ben@example.com"

    @pytest.mark.parametrize(
        "address", ["", "ben", "ben@", "a@b@c", "ben@example.com\r\nBcc: eve@example.net", "a@x, b@y", "x" * 300]
    )
    def test_what_is_no_address_gets_no_mail(self, address: str) -> None:  # C15
        first = email().begin_enrolment(self.account, {}, visit())
        for form in ({"address": address}, {}):
            with pytest.raises(Rejected) as caught:
                self.step(first.state, form)
            assert caught.value.reason == "no mail address"

    def test_the_address_cannot_change_after_the_mail_went_out(self) -> None:  # C2
        second = self.sent()
        done = self.step(second.state, {"code": second.state["code"], "address": "eve@example.net"})
        assert isinstance(done, Enrolled)
        assert done.data == {"address": "ben@example.com"}

    def test_wrong_or_late_codes_enrol_nothing(self) -> None:  # C4
        second = self.sent()
        wrong = f"{(int(second.state['code']) + 1) % 10**6:06d}"
        for code, now, reason in (
            (wrong, NOW, "wrong"),
            ("", NOW, "wrong"),
            (second.state["code"], NOW + 600, "expired"),
        ):
            with pytest.raises(Rejected, match=reason):
                self.step(second.state, {"code": code}, now)

    def test_states_of_login_and_enrolment_are_not_mixed(self) -> None:  # C6
        login, _ = begun()
        with pytest.raises(Rejected) as caught:
            self.step(login, {"code": login["code"]})
        assert caught.value.reason == "no code was sent"
        enrolment = self.sent().state
        with pytest.raises(Rejected):
            answer({**enrolment, "authenticator": "e1"}, enrolment["code"])


@pytest.mark.parametrize(
    ("address", "shown"), [("anna@example.com", "a•••@example.com"), ("a@x.org", "a•••@x.org"), ("a.b@c@d", "a•••@d")]
)
def test_masked(address: str, shown: str) -> None:
    assert masked(address) == shown

"""The authenticator app: RFC vectors, the window, input as people type it, the picture that a phone reads."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyotp
import pytest
from support.programs import need, read_qr

from tfa_middleware.errors import RecordError, Rejected
from tfa_middleware.model import Account, Authenticator, Visit
from tfa_middleware.verifiers.base import Begun, Enrolled, Rising, Verified, Verifier
from tfa_middleware.verifiers.totp import Totp, _Token, qr_code

RFC_SEED = b"12345678901234567890"
RFC_SEEDS = {"SHA1": RFC_SEED, "SHA256": b"12345678901234567890123456789012", "SHA512": (RFC_SEED * 4)[:64]}
NOW = 1_700_000_010.0


def visit(now: float = NOW, issuer: str = "Backup Console") -> Visit:
    return Visit(now, issuer, "admin", "en", "Firefox on Linux", "backup.example.com", lambda message: message)


def totp(**settings: object) -> Totp:
    return Totp(Totp.Settings(**settings))  # type: ignore[arg-type]


def record(name: str = "a1", seed: bytes = RFC_SEED, **changes: object) -> Authenticator:
    secret = base64.b32encode(seed).decode().rstrip("=")
    data = {"secret": secret, "digits": 6, "period": 30, "algorithm": "SHA1", **changes}
    return Authenticator(name, "totp", "Phone", 0, data=data)


def check(code: str, *records: Authenticator, now: float = NOW, verifier: Totp | None = None) -> Verified:
    authenticators = records or (record(),)
    account = Account("admin", "mia", True, authenticators)
    return (verifier or totp()).verify(account, authenticators, {"step": "code"}, {"code": code}, visit(now))


def accepted(code: str, *records: Authenticator, now: float = NOW) -> bool:
    return check(code, *records, now=now).authenticator.id == "a1"


def code_at(now: float, authenticator: Authenticator | None = None) -> str:
    data = (authenticator or record()).data
    return pyotp.TOTP(data["secret"], digits=data["digits"], interval=data["period"]).at(now)


def enrol(verifier: Totp, account: Account, *, issuer: str = "Backup Console") -> tuple[Begun, dict[str, object]]:
    begun = verifier.begin_enrolment(account, {}, visit())
    return begun, dict(verifier.prompt(account, begun.state, visit(issuer=issuer)).facts)


def test_it_is_a_verifier() -> None:
    assert isinstance(totp(), Verifier)


class TestVectors:
    @pytest.mark.parametrize(("step", "code"), [(0, "755224"), (1, "287082"), (2, "359152"), (9, "520489")])
    def test_rfc_4226_appendix_d(self, step: int, code: str) -> None:  # B4
        assert check(code, now=step * 30).consumes == (Rising("step", step),)

    @pytest.mark.parametrize(
        ("now", "algorithm", "code"),
        [
            (59, "SHA1", "94287082"),
            (59, "SHA256", "46119246"),
            (59, "SHA512", "90693936"),
            (1111111109, "SHA1", "07081804"),
            (1111111109, "SHA256", "68084774"),
            (1111111109, "SHA512", "25091201"),
            (20000000000, "SHA1", "65353130"),
            (20000000000, "SHA256", "77737706"),
            (20000000000, "SHA512", "47863826"),
        ],
    )
    def test_rfc_6238_appendix_b(self, now: int, algorithm: str, code: str) -> None:  # B4
        token = record(seed=RFC_SEEDS[algorithm], digits=8, algorithm=algorithm)
        assert check(code, token, now=now).consumes == (Rising("step", now // 30),)

    @pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
    @pytest.mark.parametrize(("digits", "period"), [(6, 30), (7, 60), (8, 120)])
    def test_another_implementation_agrees(self, algorithm: str, digits: int, period: int) -> None:
        token = record(seed=RFC_SEEDS[algorithm], digits=digits, period=period, algorithm=algorithm)
        assert check(oathtool(token), token).authenticator is token


class TestWindow:
    @pytest.mark.parametrize("drift", [-3, -2, -1, 0, 1, 2, 3])
    @pytest.mark.parametrize(("past", "future"), [(1, 1), (0, 0), (2, 2), (2, 0), (0, 1)])
    def test_codes_are_good_within_the_window_only(self, drift: int, past: int, future: int) -> None:  # B5
        verifier = totp(past=past, future=future)
        if -past <= drift <= future:
            step = int(NOW) // 30 + drift
            assert check(code_at(NOW + 30 * drift), verifier=verifier).consumes == (Rising("step", step),)
        else:
            with pytest.raises(Rejected):
                check(code_at(NOW + 30 * drift), verifier=verifier)

    def test_the_first_and_the_last_second_of_a_code(self) -> None:  # B5
        start = int(NOW) // 30 * 30
        code = code_at(start)
        for good in (start - 30, start, start + 29.999, start + 59.999):
            assert accepted(code, now=good)
        for bad in (start - 30.001, start + 60):
            with pytest.raises(Rejected):
                check(code, now=bad)

    @pytest.mark.parametrize("key", ["past", "future"])
    def test_no_setting_opens_more_than_two_steps(self, key: str) -> None:  # B5
        parse = Totp.Settings.__dataclass_fields__[key].metadata["parse"]
        assert parse("2") == 2
        with pytest.raises(ValueError, match="0 to 2"):
            parse("3")

    def test_the_later_of_two_equal_codes_is_consumed(self, monkeypatch: pytest.MonkeyPatch) -> None:  # B1
        monkeypatch.setattr(pyotp.TOTP, "generate_otp", lambda self, step: "123456")
        assert check("123456").consumes == (Rising("step", int(NOW) // 30 + 1),)

    def test_every_candidate_is_computed_even_after_a_match(self, monkeypatch: pytest.MonkeyPatch) -> None:  # B7
        asked: list[int] = []
        real = pyotp.TOTP.generate_otp

        def counted(self: pyotp.TOTP, step: int) -> str:
            asked.append(step)
            return real(self, step)

        monkeypatch.setattr(pyotp.TOTP, "generate_otp", counted)
        check(code_at(NOW - 30), record("a1"), record("a2"))
        now = int(NOW) // 30
        assert asked[-6:] == [now - 1, now, now + 1] * 2


class TestClock:
    @pytest.mark.parametrize("drift", [-20, -5, -2, 2, 7, 20])
    def test_a_code_of_another_time_tells_how_far_the_clock_is_off(self, drift: int) -> None:
        with pytest.raises(Rejected) as caught:
            check(code_at(NOW + 30 * drift))
        assert caught.value.clock_offset == 30 * drift

    def test_the_smallest_explanation_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = int(NOW) // 30
        codes = {now - 5: "111111", now + 3: "111111"}
        monkeypatch.setattr(pyotp.TOTP, "generate_otp", lambda self, step: codes.get(step, "000000"))
        with pytest.raises(Rejected) as caught:
            check("111111")
        assert caught.value.clock_offset == 90

    @pytest.mark.parametrize("drift", [-21, 21, 1000])
    def test_beyond_ten_minutes_it_is_just_wrong(self, drift: int) -> None:
        with pytest.raises(Rejected) as caught:
            check(code_at(NOW + 30 * drift))
        assert caught.value.clock_offset is None

    def test_the_reason_is_the_same_as_for_any_wrong_code(self) -> None:  # G13
        with pytest.raises(Rejected) as late:
            check(code_at(NOW - 150))
        with pytest.raises(Rejected) as wrong:
            check("000000")
        assert late.value.reason == wrong.value.reason == "wrong"


class TestInput:
    @pytest.mark.parametrize("shape", ["{0}{1}", "{0} {1}", "{0}-{1}", " {0}\t{1} ", "{0}\u00a0{1}", "- {0} - {1}"])
    def test_blanks_and_hyphens_do_not_matter(self, shape: str) -> None:  # B11
        code = code_at(NOW)
        assert accepted(shape.format(code[:3], code[3:]))

    def test_leading_zeros_are_kept(self) -> None:  # B11
        now = next(t for t in range(0, 10**6, 30) if code_at(t).startswith("0"))
        assert accepted(code_at(now), now=now)
        with pytest.raises(Rejected):
            check(code_at(now).lstrip("0"), now=now)

    @pytest.mark.parametrize(
        "shape",
        [
            "+{0}",
            "{0}0",
            "0{0}",
            "",
            " ",
            "-",
            "{0}\n",
            "\n{0}",
            "{0}\x00",
            "0x{0}",
            "{0}.0",
            "{0}" + " " * 80,
            "{0}" * 2000,
        ],
    )
    def test_anything_else_is_wrong(self, shape: str) -> None:  # B11
        with pytest.raises(Rejected, match="wrong"):
            check(shape.format(code_at(NOW)))

    @pytest.mark.parametrize("zero", ["\uff10", "\u0660", "\u0966", "\U0001d7ce"])
    def test_digits_of_other_scripts_are_wrong(self, zero: str) -> None:  # B11, trap of pyotp
        foreign = "".join(chr(ord(zero) + int(digit)) for digit in code_at(NOW))
        with pytest.raises(Rejected, match="wrong"):
            check(foreign)

    def test_a_missing_field_is_wrong(self) -> None:
        with pytest.raises(Rejected):
            totp().verify(Account("admin", "mia"), (record(),), {"step": "code"}, {}, visit())


class TestSeveralAuthenticators:
    def test_each_one_is_tried_and_the_right_one_named(self) -> None:  # E5
        first, second = record("a1", b"A" * 20), record("a2", b"B" * 20, digits=8, period=60)
        assert check(code_at(NOW, first), first, second).authenticator is first
        assert check(code_at(NOW, second), first, second).authenticator is second

    def test_none_at_all_is_wrong(self) -> None:  # K5
        with pytest.raises(Rejected):
            totp().verify(Account("admin", "mia"), (), {"step": "code"}, {"code": "123456"}, visit())


class TestRecords:
    @pytest.mark.parametrize(
        "damage",
        [
            {"secret": base64.b32encode(b"A" * 15).decode()},
            {"secret": base64.b32encode(b"A" * 10).decode()},
            {"secret": ""},
            {"secret": None},
            {"secret": "no base32!"},
            {"digits": 5},
            {"digits": 9},
            {"digits": "6"},
            {"digits": True},
            {"period": 29},
            {"period": 121},
            {"algorithm": "MD5"},
            {"algorithm": ["SHA1"]},
        ],
    )
    def test_a_short_or_damaged_seed_is_refused(self, damage: dict[str, object]) -> None:  # B3, K5
        with pytest.raises(RecordError) as caught:
            check("123456", record(**damage))  # type: ignore[arg-type]
        assert str(caught.value) == "the key of an authenticator app is damaged or too short"  # K1: nothing of it

    @pytest.mark.parametrize("missing", ["secret", "digits", "period", "algorithm"])
    def test_a_missing_part_is_refused(self, missing: str) -> None:  # K5
        whole = record()
        part = Authenticator("a1", "totp", "Phone", 0, data={k: v for k, v in whole.data.items() if k != missing})
        with pytest.raises(RecordError):
            check(code_at(NOW), part)

    def test_sixteen_bytes_are_enough(self) -> None:  # B3
        token = record(seed=b"A" * 16)
        assert accepted(code_at(NOW, token), token)


class TestEnrolment:
    account = Account("admin", "mia")

    @pytest.mark.parametrize(("algorithm", "length"), [("SHA1", 20), ("SHA256", 32), ("SHA512", 64)])
    def test_every_seed_is_new_and_long(self, algorithm: str, length: int) -> None:  # B3, B9
        verifier = totp(algorithm=algorithm)
        states = [verifier.begin_enrolment(self.account, {}, visit()).state for _ in range(20)]
        assert len({state["secret"] for state in states}) == 20
        assert not [state for state in states if "=" in state["secret"]]  # several apps stumble over padding
        assert all(len(pyotp.TOTP(state["secret"]).byte_secret()) == length for state in states)

    def test_a_proven_code_gives_the_record_and_is_used_up(self) -> None:  # B2, B10
        verifier = totp()
        begun = verifier.begin_enrolment(self.account, {}, visit())
        code = code_at(NOW, Authenticator("x", "totp", "", 0, data=begun.state))
        done = verifier.finish_enrolment(self.account, begun.state, {"code": code}, visit())
        assert isinstance(done, Enrolled)
        assert done.consumes == (Rising("step", int(NOW) // 30),)
        assert done.label == "Authenticator app"
        assert done.data == {"secret": begun.state["secret"], "digits": 6, "period": 30, "algorithm": "SHA1"}
        new = Authenticator("x", "totp", done.label, 0, data=done.data)
        assert check(code, new).consumes == done.consumes  # which the framework then refuses as a replay

    def test_a_wrong_code_enrols_nothing(self) -> None:  # B10
        begun = totp().begin_enrolment(self.account, {}, visit())
        state = {**begun.state, "secret": record().data["secret"]}
        for form in ({"code": ""}, {}, {"code": f"{(int(code_at(NOW)) + 1) % 10**6:06d}"}):
            with pytest.raises(Rejected) as caught:
                totp().finish_enrolment(self.account, state, form, visit())
            assert (caught.value.reason, caught.value.clock_offset) == ("wrong", None)

    def test_a_wrong_clock_is_told_while_enrolling(self) -> None:
        begun = totp().begin_enrolment(self.account, {}, visit())
        code = code_at(NOW + 300, Authenticator("x", "totp", "", 0, data=begun.state))
        with pytest.raises(Rejected) as caught:
            totp().finish_enrolment(self.account, begun.state, {"code": code}, visit())
        assert caught.value.clock_offset == 300

    def test_the_seed_is_written_whole(self, monkeypatch: pytest.MonkeyPatch) -> None:  # B3
        monkeypatch.setattr("secrets.token_bytes", lambda size: base64.b32decode("X" * 32)[:size])
        state = totp().begin_enrolment(self.account, {}, visit()).state
        assert state == {"step": "prove", "secret": "X" * 32, "digits": 6, "period": 30, "algorithm": "SHA1"}

    def test_a_seed_of_the_client_is_ignored(self) -> None:  # B9
        own = record().data["secret"]
        begun = totp().begin_enrolment(self.account, {"secret": own, "seed": own}, visit())
        assert begun.state["secret"] != own
        with pytest.raises(Rejected):
            totp().finish_enrolment(self.account, begun.state, {"code": code_at(NOW), "secret": own}, visit())

    def test_the_page_shows_the_seed_as_text_too(self) -> None:  # B14
        begun, facts = enrol(totp(), self.account)
        groups = str(facts["secret"]).split(" ")
        assert "".join(groups) == begun.state["secret"]
        assert {len(group) for group in groups} == {4}

    def test_the_prompt_is_the_same_however_often_it_is_drawn(self) -> None:
        begun, facts = enrol(totp(digits=8), self.account)
        prompt = totp().prompt(self.account, begun.state, visit())
        assert prompt.facts == facts
        assert set(facts) == {"qr", "secret", "uri", "digits"}
        assert facts["digits"] == 8
        assert prompt.text == "Scan the picture with your authenticator app, then enter the code that it shows."

    def test_the_prompt_of_a_challenge_shows_no_seed(self) -> None:  # K1
        account = Account("admin", "mia", True, (record(),))
        begun = totp().begin(account, account.authenticators, visit())
        prompt = totp().prompt(account, begun.state, visit())
        assert (prompt.text, prompt.facts) == ("Enter the code that your authenticator app shows.", {})
        assert (begun.state, begun.mail, prompt.field_name) == ({"step": "code"}, None, "code")
        assert record().data["secret"] not in f"{begun.state}{prompt}"

    def test_no_repr_shows_the_seed(self) -> None:  # K1
        begun, _ = enrol(totp(), self.account)
        prompt = totp().prompt(self.account, begun.state, visit())
        assert begun.state["secret"] not in repr(begun) + repr(prompt)


class TestUri:
    @pytest.mark.parametrize(
        ("issuer", "user", "seen_issuer", "seen_user"),
        [
            ("Backup Console", "mia", "Backup Console", "mia"),
            ("A B & C", "ü@x", "A B & C", "ü@x"),
            ("a:b", "dom:mia", "a b", "dom mia"),
            ("50% + ?x=1#y", "a/b c", "50% + ?x=1#y", "a/b c"),
        ],
    )
    def test_apps_read_the_names_back(self, issuer: str, user: str, seen_issuer: str, seen_user: str) -> None:  # B12
        begun, facts = enrol(totp(), Account("admin", user), issuer=issuer)
        uri = str(facts["uri"])
        read = pyotp.parse_uri(uri)
        assert isinstance(read, pyotp.TOTP)
        assert (read.issuer, read.name, read.secret) == (seen_issuer, seen_user, begun.state["secret"])
        split = urlsplit(uri)
        assert (split.scheme, split.netloc) == ("otpauth", "totp")
        assert unquote(split.path) == f"/{seen_issuer}:{seen_user}"
        assert dict(pair.split("=") for pair in split.query.split("&"))["issuer"] == split.path[1:].split(":")[
            0
        ].replace("/", "%2F")
        assert " " not in uri
        assert "+" not in uri
        assert uri.isascii()

    def test_other_parameters_are_named(self) -> None:  # B4
        _, facts = enrol(totp(digits=8, period=60, algorithm="SHA256"), Account("admin", "mia"))
        read = pyotp.parse_uri(str(facts["uri"]))
        assert isinstance(read, pyotp.TOTP)
        assert (read.digits, read.interval, read.digest().name) == (8, 60, "sha256")

    def test_the_usual_ones_are_left_out(self) -> None:  # B4
        _, facts = enrol(totp(), Account("admin", "mia"))
        assert urlsplit(str(facts["uri"])).query.partition("&")[2] == "issuer=Backup%20Console"


class TestPicture:
    def test_it_is_an_inline_svg_that_loads_nothing(self) -> None:  # B13
        _, facts = enrol(totp(), Account("admin", "mia"))
        assert str(facts["qr"]).startswith("data:image/svg+xml")
        drawn = unquote(str(facts["qr"])).replace("http://www.w3.org/2000/svg", "")
        assert "http" not in drawn
        assert "href" not in drawn

    def test_its_size_and_colours_are_those_that_phones_want(self) -> None:  # B13: quiet zone, dark on white
        uri = "otpauth://totp/Console:mia?secret=" + "A" * 43  # 77 octets: version 5 at level M, 4 at level L
        drawn = unquote(qr_code(uri))
        side = 5 * (37 + 2 * 4)
        assert re.search(rf"width=.{side}. height=.{side}.", drawn)
        assert re.search(r"fill=.#fff.", drawn)
        assert re.search(r"stroke=.#000.", drawn)

    def test_a_phone_reads_it(self, tmp_path: Path) -> None:  # B13
        _, facts = enrol(totp(), Account("admin", "mia"))
        assert read_qr(str(facts["qr"]), tmp_path) == facts["uri"]


def oathtool(token: Authenticator) -> str:
    data = token.data
    mode = f"--totp={data['algorithm'].lower()}"
    options = ["-b", "-d", str(data["digits"]), "-s", str(data["period"]), "-N", f"@{int(NOW)}", data["secret"]]
    return subprocess.run([need("oathtool"), mode, *options], check=True, capture_output=True, text=True).stdout.strip()


def test_no_repr_shows_a_key() -> None:  # K1
    state = totp().begin_enrolment(Account("admin", "mia"), {}, visit()).state
    assert state["secret"] not in repr(_Token.of(state))

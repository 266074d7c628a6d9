"""Recovery codes: strong, shown once, kept hashed, good once."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from tfa_middleware.errors import RecordError, Rejected
from tfa_middleware.model import Account, Authenticator, Visit
from tfa_middleware.verifiers import recovery as module
from tfa_middleware.verifiers.base import Enrolled, Once, Verified, Verifier
from tfa_middleware.verifiers.recovery import Recovery, remaining

ACCOUNT = Account("admin", "mia")
VISIT = Visit(1_700_000_000.0, "Backup Console", "admin", "en", "Firefox", "localhost", lambda message: message)


def verifier(**settings: int) -> Recovery:
    return Recovery(Recovery.Settings(**settings))


def made(name: str = "r1") -> tuple[Authenticator, Enrolled]:
    begun = verifier().begin_enrolment(ACCOUNT, {}, VISIT)
    done = verifier().finish_enrolment(ACCOUNT, begun.state, {}, VISIT)
    return Authenticator(name, "recovery", done.label, 0, data=json.loads(json.dumps(done.data))), done


@pytest.fixture(scope="module")
def kit() -> tuple[Authenticator, Enrolled]:
    return made()


def use(code: str, *authenticators: Authenticator) -> Verified:
    return verifier().verify(ACCOUNT, authenticators, {"step": "code"}, {"code": code}, VISIT)


Kit = tuple[Authenticator, Enrolled]


def test_it_is_a_verifier_beside_others() -> None:
    assert isinstance(verifier(), Verifier)
    assert not Recovery.primary


class TestMaking:
    def test_ten_codes_of_eighty_bits_in_groups_of_four(self, kit: Kit) -> None:  # E6
        shown = kit[1].show
        assert len(set(shown)) == 10
        assert (kit[1].label, kit[1].consumes) == ("Recovery codes", ())
        for code in shown:
            assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
            assert len(base64.b32decode(code.replace("-", ""))) == 10

    def test_another_number_is_a_setting(self) -> None:
        assert len(verifier(codes=5).finish_enrolment(ACCOUNT, {"step": "make"}, {}, VISIT).show) == 5

    def test_the_record_has_hashes_under_one_long_salt(self, kit: Kit) -> None:  # E7
        record, done = kit
        assert len(bytes.fromhex(record.data["salt"])) == 32
        assert len(set(record.data["hashes"])) == 10
        dump = json.dumps(record.data)
        for code in done.show:
            plain = code.replace("-", "")
            assert plain not in dump
            assert base64.b32decode(plain).hex() not in dump

    def test_two_sets_share_nothing(self, kit: Kit) -> None:  # E6
        other, again = made()
        assert other.data["salt"] != kit[0].data["salt"]
        assert not set(again.show) & set(kit[1].show)

    def test_no_repr_shows_a_code(self, kit: Kit) -> None:  # K1
        assert not [code for code in kit[1].show if code in repr(kit[1]) or code in repr(kit[0])]

    def test_looking_at_the_page_makes_nothing(self) -> None:
        begun = verifier().begin_enrolment(ACCOUNT, {}, VISIT)
        prompt = verifier(codes=7).prompt(ACCOUNT, begun.state, VISIT)
        assert begun.state == {"step": "make"}
        assert (prompt.field_name, prompt.numeric, prompt.facts) == ("", False, {"codes": 7})
        assert (
            prompt.text == "You get a new set of codes. Each is good once; older codes end. They are shown only once."
        )


class TestUse:
    def test_the_page_asks_one_code_with_letters(self, kit: Kit) -> None:
        begun = verifier().begin(ACCOUNT, (kit[0],), VISIT)
        assert (begun.state, begun.mail) == ({"step": "code"}, None)
        prompt = verifier().prompt(ACCOUNT, begun.state, VISIT)
        assert (prompt.field_name, prompt.numeric, prompt.facts) == ("code", False, {})
        assert prompt.text == "Enter one of your recovery codes."

    def test_each_code_is_right_once(self) -> None:  # E6
        record, done = made()
        for left, code in zip(range(9, -1, -1), done.show, strict=True):
            verified = use(code, record)
            (consumed,) = verified.consumes
            assert isinstance(consumed, Once)
            record = verified.authenticator
            assert remaining(record) == left
            with pytest.raises(Rejected):
                use(code, record)

    def test_two_tries_with_the_same_record_consume_the_same_name(self, kit: Kit) -> None:  # B1 for codes: the race
        record, done = kit
        assert use(done.show[3], record).consumes == use(done.show[3], record).consumes
        assert use(done.show[3], record).consumes != use(done.show[4], record).consumes

    def test_only_the_used_hash_goes(self, kit: Kit) -> None:
        record, done = kit
        changed = use(done.show[0], record).authenticator
        assert changed.data["hashes"] == record.data["hashes"][1:]
        assert (changed.id, changed.label, changed.data["salt"]) == (record.id, record.label, record.data["salt"])

    @pytest.mark.parametrize("shape", ["lower", "no dashes", "blanks", "mixed"])
    def test_it_is_read_as_people_type_it(self, kit: Kit, shape: str) -> None:
        record, done = kit
        code = done.show[5]
        typed = {
            "lower": code.lower(),
            "no dashes": code.replace("-", ""),
            "blanks": f"  {code.replace('-', ' ')}\u00a0",
            "mixed": code[:7].lower() + code[7:],
        }[shape]
        assert use(typed, record).authenticator.id == record.id

    def test_mistaken_digits_are_read_as_letters(self, monkeypatch: pytest.MonkeyPatch) -> None:
        code = base64.b32decode("OIBAOIBAOIBAOIBA")
        monkeypatch.setattr("secrets.token_bytes", lambda size: code if size == 10 else b"s" * size)
        record, _ = made()
        assert use("01ba-0iBA-018a-o1ba", record).authenticator.id == record.id

    @pytest.mark.parametrize(
        "typed", ["", "AAAA", "A" * 16, "A" * 17, "9" * 16, "\u017f" * 16, "\u0131" * 16, "\u00c5" * 16, "A" * 10_000]
    )
    def test_anything_else_is_wrong(self, kit: Kit, typed: str) -> None:
        with pytest.raises(Rejected) as caught:
            use(typed, kit[0])
        assert caught.value.reason == "wrong"

    def test_input_of_the_wrong_shape_costs_no_hash(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_hash", lambda code, salt, cost: pytest.fail("hashed"))
        with pytest.raises(Rejected):
            use("123456", kit[0])

    def test_one_hash_is_compared_with_all(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:  # B7
        pairs: list[tuple[str, str]] = []

        def counted(one: str, other: str) -> bool:
            pairs.append((one, other))
            return one == other

        monkeypatch.setattr(module, "same", counted)
        use(kit[1].show[0], kit[0])
        assert len(pairs) == 10
        assert len({other for _, other in pairs}) == 1

    def test_a_missing_field_or_no_set_is_wrong(self, kit: Kit) -> None:  # K5
        with pytest.raises(Rejected):
            verifier().verify(ACCOUNT, (kit[0],), {"step": "code"}, {}, VISIT)
        with pytest.raises(Rejected):
            use(kit[1].show[0])

    def test_a_hash_that_stands_twice_is_still_good_once(self, kit: Kit) -> None:  # E6, K4
        first, second = kit[0].data["hashes"][:2]
        odd = Authenticator("r1", "recovery", "", 0, data={**kit[0].data, "hashes": [first, second, first]})
        changed = use(kit[1].show[0], odd)
        assert changed.authenticator.data["hashes"] == [second]
        assert changed.consumes == (Once(first[:32]),)

    @pytest.mark.parametrize(("told", "cost"), [({"cost": 2**9}, 2**9), ({"cost": 2**12}, 2**12), ({}, 2**12)])
    def test_a_set_says_what_its_hash_costs_and_older_ones_cost_more(
        self, told: dict[str, int], cost: int, kit: Kit
    ) -> None:  # E7
        assert kit[0].data["cost"] == 2**8
        salt = bytes.fromhex(kit[0].data["salt"])
        code = kit[1].show[0].replace("-", "")
        costly = hashlib.scrypt(code.encode(), salt=salt, n=cost, r=8, p=1, dklen=32).hex()
        former = Authenticator("r1", "recovery", "", 0, data={"salt": kit[0].data["salt"], "hashes": [costly], **told})
        assert use(kit[1].show[0], former).consumes == (Once(costly[:32]),)

    def test_a_used_up_set_lets_nobody_in(self, kit: Kit) -> None:
        empty = Authenticator("r1", "recovery", "", 0, data={**kit[0].data, "hashes": []})
        with pytest.raises(Rejected):
            use(kit[1].show[0], empty)

    @pytest.mark.parametrize(
        "damage",
        [
            *({"salt": ""}, {"salt": None}, {"salt": "zz"}, {"hashes": None}, {"hashes": [""]}, {"hashes": "x"}),
            *({"cost": 2}, {"cost": None}, {"cost": "256"}, {"cost": 256.0}, {"cost": 2**10}),
        ],
    )
    def test_a_damaged_record_is_refused(self, kit: Kit, damage: dict[str, object]) -> None:  # K5
        broken = Authenticator("r1", "recovery", "", 0, data={**kit[0].data, **damage})
        for look in (lambda: use(kit[1].show[0], broken), lambda: remaining(broken)):
            with pytest.raises(RecordError) as caught:
                look()
            assert str(caught.value) == "the recovery codes of a record are damaged"

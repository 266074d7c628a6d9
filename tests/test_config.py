"""Settings are read strictly: what is unknown, wrong or contradictory refuses to start, and says where and why."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tfa_middleware import config
from tfa_middleware.advice import advise
from tfa_middleware.declare import count, key
from tfa_middleware.errors import ConfigError
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.reference import reference, reference_markdown
from tfa_middleware.settings import Settings

MINIMAL = "[realm:admin]\npaths = /admin\nlogin = /admin/login\n"
FULL = """\
# a console with two areas
[tfa]
issuer = Backup Console      ; on pages and in apps
base_url = https://backup.example.com
trusted_proxies = 10.0.0.0/8 ::1

[realm:admin]
paths = /admin
login = /admin/login
    /admin/*.cgi
whoami = /admin/profile
whoami_pattern = id="me#1">([^<]+)<
policy = required
enrolment = invite
verifiers = totp
strict = yes

[realm:user]
paths = /
login = /login
success = redirect status:200 json:/ok=true
failure = body:wrong\\spassword
lifetime = 8h

[mail]
smtp = smtps://mailer@mail.example.com:465
from = Backup Console <no-reply@example.com>
"""


def written(tmp_path: Path, text: str, name: str = "tfa.ini") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def refused(tmp_path: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config.read(written(tmp_path, text))
    return caught.value


def realm(**keys: str) -> dict[str, dict[str, str]]:
    return {"realm:admin": {"paths": "/admin", "login": "/admin/login", "verifiers": "totp", **keys}}


class TestReading:
    def test_a_whole_file_becomes_typed_settings(self, tmp_path: Path) -> None:
        settings = config.read(written(tmp_path, FULL))
        admin, user = settings.realms
        assert settings.tfa.issuer == "Backup Console"
        assert str(settings.tfa.trusted_proxies[1]) == "::1/128"
        assert admin.login == ("/admin/login", "/admin/*.cgi")
        assert admin.whoami_pattern.search('<b id="me#1">root</b>')[1] == "root"
        assert (user.name, user.lifetime, user.policy) == ("user", 8 * 3600, "optional")
        assert settings.mail.sender == "Backup Console <no-reply@example.com>"
        assert (settings.folder, settings.source) == (tmp_path, str(tmp_path / "tfa.ini"))

    def test_the_verifiers_of_every_realm_are_loaded_once_each(self, tmp_path: Path) -> None:
        settings = config.read(written(tmp_path, FULL))
        assert set(settings.verifiers) == {"totp", "email", "recovery"}
        assert all(cls.kind == kind for kind, (cls, _) in settings.verifiers.items())  # type: ignore[attr-defined]
        assert all(isinstance(given, cls.Settings) for cls, given in settings.verifiers.values())  # type: ignore[attr-defined]

    def test_a_mapping_gives_the_same_as_the_file(self, tmp_path: Path) -> None:
        settings = config.from_dict(realm(), tmp_path)
        read = config.read(written(tmp_path, MINIMAL + "verifiers = totp\n"))
        assert dataclasses.replace(read, source="") == settings

    def test_a_mapping_may_hold_texts_only(self) -> None:
        with pytest.raises(ConfigError, match="expected text, found bool"):
            config.from_dict({"realm:admin": {"paths": "/", "login": "/login", "strict": True}})  # type: ignore[dict-item]

    def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(self, tmp_path: Path) -> None:
        path = tmp_path / "tfa.ini"
        path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
        assert config.read(path).realms[0].paths == ("/admin",)

    def test_a_file_that_cannot_be_read_refuses(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"missing\.ini: cannot be read: No such file"):
            config.read(tmp_path / "missing.ini")
        (tmp_path / "latin.ini").write_bytes(b"[tfa]\nissuer = \xe4\n")
        with pytest.raises(ConfigError, match="not UTF-8"):
            config.read(tmp_path / "latin.ini")


class TestErrors:
    """K7: every mistake names its file, section and key, what was expected, and the nearest valid name."""

    def test_a_misspelt_key_names_the_nearest(self, tmp_path: Path) -> None:
        error = refused(tmp_path, MINIMAL + "polcy = required\n")
        assert str(error) == f"{tmp_path}/tfa.ini: [realm:admin] polcy: unknown key. Did you mean 'policy'?"
        assert (error.section, error.key, error.nearest) == ("realm:admin", "polcy", "policy")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("[relm:admin]\n", "[relm:admin]: unknown section. Did you mean 'realm:admin'?"),
            ("[limit]\n", "[limit]: unknown section. Did you mean 'limits'?"),
            ("[realm]\n", "[realm]: the section needs a name"),
            ("[DEFAULT]\npolicy = off\n", "[DEFAULT]: unknown section"),
            (MINIMAL + "[gateway]\nhost = upstream\n", "[gateway] upstream: expected http://HOST:PORT"),
            ("[realm:Admin]\npaths = /a\nlogin = /a\n", "a realm has a name of at most 32"),
            ("[tfa]\nissuer = a\n", "no [realm:NAME] section"),
            ("[realm:a]\npaths = /a\n", "[realm:a] login: the key is missing; it needs paths"),
            ("[realm:a]\npaths =\nlogin = /a\n", "[realm:a] paths: must not be empty"),
            (MINIMAL + "policy = on\n", "policy: expected one of off, optional, required, found 'on'"),
            (MINIMAL + "strict = maybe\n", "strict: expected yes or no, found 'maybe'"),
            (MINIMAL + "lifetime = soon\n", "lifetime: expected a time such as 90"),
            (MINIMAL + "sessions = 0\n", "sessions: expected a whole number from 1 to 1000, found '0'"),
            (MINIMAL + "whoami_pattern = (\n", "whoami_pattern: expected a regular expression"),
            (MINIMAL + "Policy = off\n", "Policy: unknown key. Did you mean 'policy'?"),
            (MINIMAL + "policy = off\npolicy = off\n", "policy: the key stands twice, again in line 5"),
            (MINIMAL + MINIMAL, "[realm:admin]: the section stands twice, again in line 4"),
            ("issuer = a\n" + MINIMAL, "line 1 stands before the first [section]"),
            (MINIMAL + "nonsense\n", "no 'key = value' in line 4"),
            (MINIMAL + "[mail]\nsender = a@example.com\n", "[mail] sender: unknown key"),
            (MINIMAL + "preset = django\n", "preset: no preset is called 'django'"),
        ],
    )
    def test_mistakes_in_the_text(self, tmp_path: Path, text: str, words: str) -> None:
        assert words in str(refused(tmp_path, text))

    def test_a_key_indented_by_accident_is_not_swallowed(self, tmp_path: Path) -> None:
        error = refused(tmp_path, MINIMAL + "keep = theme\n  policy = required\n")
        assert "the indented line after it begins like a key: policy" in str(error)
        assert "several lines" in str(refused(tmp_path, MINIMAL + "home = /\n  x\n"))

    def test_no_mistake_shows_a_secret(self, tmp_path: Path) -> None:
        # K1
        text = MINIMAL + "[mail]\nsmtp = smtps://u:hunter2@mail.example.com\n"
        error = refused(tmp_path, text)
        assert error.key == "smtp"
        assert "hunter2" not in str(error)


class TestContradictions:
    @pytest.mark.parametrize(
        ("keys", "at", "words"),
        [
            ({"paths": "/admin/*"}, "paths", "no * here"),
            ({"paths": "/admin/../x"}, "paths", "can never match"),
            ({"paths": "//admin"}, "paths", "can never match"),
            ({"paths": "/a%20b", "login": "/a"}, "paths", "can never match"),
            ({"paths": "/admin /_tfa/x"}, "paths", "lies under /_tfa/"),
            ({"login": "*"}, "login", "a plain path without *"),
            ({"login": "/admin/login /other"}, "login", "outside the realm's paths"),
            ({"login": "/adminlogin"}, "login", "outside the realm's paths"),
            ({"username": ""}, "username", "must not be empty"),
            ({"username": "Password"}, "password", "must differ"),
            ({"whoami": "/me"}, "whoami", "needs either"),
            ({"whoami": "me", "whoami_pointer": "/n"}, "whoami", "begins with /"),
            ({"whoami": "//evil.example/me", "whoami_pointer": "/n"}, "whoami", "begins with /"),
            ({"whoami": "/me", "whoami_pattern": "me"}, "whoami_pattern", "exactly one group"),
            ({"whoami": "/me", "whoami_pattern": "(a)(b)"}, "whoami_pattern", "found 2"),
            ({"whoami": "/me", "whoami_pattern": "(a)", "whoami_pointer": "/n"}, "whoami", "either"),
            ({"whoami": "/me", "whoami_pointer": "n"}, "whoami_pointer", "JSON pointer"),
            ({"whoami_first": "yes"}, "whoami_first", "needs whoami"),
            ({"token": "/t"}, "token", "needs authorization = bearer"),
            ({"token": "/t", "authorization": "basic"}, "token", "needs authorization = bearer"),
            ({"authorization": "bearer"}, "token", "bearer needs a JSON pointer"),
            ({"authorization": "bearer", "token": "t"}, "token", "bearer needs a JSON pointer"),
            ({"authorization": "digest"}, "authorization", "one of refuse, basic, bearer"),
            ({"whoami_pattern": "(a)"}, "whoami_pattern", "needs whoami"),
            ({"success": "whoami"}, "success", "needs whoami"),
            ({"success": ""}, "success", "at least one"),
            ({"success": "sometimes"}, "success", "expected redirect"),
            ({"success": "status:2xx"}, "success", "three digits"),
            ({"success": "json:ok=1"}, "success", "json:/pointer=value"),
            ({"success": "cookie:("}, "success", "not a regular expression"),
            ({"failure": "body:"}, "failure", "expected redirect"),
            ({"failure": "whoami", "whoami": "/me", "whoami_pointer": "/n"}, "failure", "only mean success"),
            ({"home": "https://evil.example/"}, "home", "on this site"),
            ({"idle": "0"}, "idle", "at least 1s"),
            ({"verifiers": "totp sms"}, "verifiers", "no verifier is called 'sms'"),
            ({"verifiers": "totq"}, "verifiers", "Did you mean 'totp'?"),
            ({"verifiers": "recovery", "policy": "optional"}, "verifiers", "stands alone"),
            ({"verifiers": "", "policy": "required"}, "verifiers", "stands alone"),
        ],
    )
    def test_of_a_realm(self, keys: dict[str, str], at: str, words: str) -> None:
        with pytest.raises(ConfigError) as caught:
            config.from_dict(realm(**keys))
        assert (caught.value.section, caught.value.key) == ("realm:admin", at)
        assert words in str(caught.value)

    def test_strict_refuses_email(self) -> None:
        # C1
        with pytest.raises(ConfigError, match="strict refuses email"):
            config.from_dict(realm(strict="yes", verifiers="totp email"))
        assert config.from_dict(realm(strict="yes", verifiers="totp recovery")).realms[0].strict

    def test_a_realm_without_policy_needs_no_factor(self) -> None:
        assert config.from_dict(realm(policy="off", verifiers="")).verifiers == {}

    def test_two_realms_cannot_claim_one_path(self) -> None:
        other = {"paths": "/x /admin/", "login": "/x/login"}
        with pytest.raises(ConfigError, match=r"\[realm:user\] paths: '/admin/' belongs to \[realm:admin\] already"):
            config.from_dict({**realm(), "realm:user": other})
        # A2: an application that ignores case would see one path in both
        with pytest.raises(ConfigError, match="'/Admin' belongs"):
            config.from_dict({**realm(), "realm:user": {"paths": "/Admin", "login": "/Admin/login"}})

    @pytest.mark.parametrize(
        ("section", "at", "text"),
        [
            ("tfa", "prefix", "/"),
            ("tfa", "prefix", "/_tfa"),
            ("tfa", "prefix", "/a/../b/"),
            ("tfa", "base_url", "https://x.example/app"),
            ("tfa", "base_url", "x.example"),
            ("tfa", "base_url", "https://user@x.example"),
            ("tfa", "base_url", "https://x.example:port"),
            ("tfa", "colour", "blue"),
            ("tfa", "logo", "https://cdn.example/logo.png"),
            ("tfa", "store", "mysql:x"),
            ("tfa", "store", "sqlite:"),
            ("tfa", "challenge_time", "11m"),
            ("tfa", "challenge_time", "0"),
            ("tfa", "issuer", ""),
            ("mail", "smtp", "mail.example.com"),
            ("mail", "from", "nobody"),
            ("mail", "timeout", "0"),
            ("serve", "listen", "8080"),
        ],
    )
    def test_of_the_other_sections(self, section: str, at: str, text: str) -> None:
        with pytest.raises(ConfigError) as caught:
            config.from_dict({**realm(), section: {at: text}})
        assert (caught.value.section, caught.value.key) == (section, at)


class Badge:
    """A third party's verifier, in one class."""

    kind, amr, title, primary, addressed = "badge", "hwk", "Badge", True, False

    @dataclasses.dataclass(frozen=True)
    class Settings:
        length: int = key(count(4, 8), "digits on the badge", 6)

    def begin_enrolment(self) -> None: ...

    finish_enrolment = begin = prompt = verify = begin_enrolment


class Halfway(Badge):
    verify = None  # type: ignore[assignment]


class TestVerifiers:
    def of(self, keys: Mapping[str, str], kind: str = "badge") -> Settings:
        return config.from_dict({**realm(verifiers=kind), f"verifier:{kind}": keys})

    def test_a_third_party_brings_a_class_with_settings(self) -> None:
        cls, given = self.of({"use": f"{__name__}:Badge", "length": "4"}).verifiers["badge"]
        assert cls is Badge
        assert given == Badge.Settings(4)

    @pytest.mark.parametrize(
        ("keys", "at", "words"),
        [
            ({}, "use", "the key is missing"),
            ({"use": "nonsense"}, "use", "expected package.module:Class"),
            ({"use": "no_such_module_here:X"}, "use", "cannot be imported (ModuleNotFoundError"),
            ({"use": f"{__name__}:Missing"}, "use", "cannot be imported (AttributeError"),
            ({"use": f"{__name__}:realm"}, "use", "is not a class"),
            ({"use": f"{__name__}:TestVerifiers"}, "use", "it lacks kind"),
            ({"use": f"{__name__}:Halfway"}, "use", "it lacks the method verify"),
            ({"use": f"{__name__}:Badge", "lenght": "4"}, "lenght", "Did you mean 'length'?"),
            ({"use": f"{__name__}:Badge", "length": "99"}, "length", "from 4 to 8"),
        ],
    )
    def test_what_is_no_verifier_refuses(self, keys: dict[str, str], at: str, words: str) -> None:
        with pytest.raises(ConfigError) as caught:
            self.of(keys)
        assert (caught.value.section, caught.value.key) == ("verifier:badge", at)
        assert words in str(caught.value)

    def test_a_class_of_another_kind_refuses(self) -> None:
        with pytest.raises(ConfigError, match="is of the kind 'badge'"):
            self.of({"use": f"{__name__}:Badge"}, kind="card")

    def test_a_section_that_no_realm_uses_is_checked_all_the_same(self) -> None:
        with pytest.raises(ConfigError, match=r"\[verifier:badge\] use"):
            config.from_dict({**realm(), "verifier:badge": {"use": "no_such_module_here:X"}})
        settings = config.from_dict({**realm(), "verifier:badge": {"use": f"{__name__}:Badge"}})
        assert set(settings.verifiers) == {"totp"}


PASTE = """\
[DEFAULT]
debug = false
debug = twice
[app:main]
use: egg:Console
set timeout = 3
no value here
[filter:tfa]
use = egg:tfa_middleware
    [indented]
[pipeline:served]
pipeline = tfa main
[loggers]
keys = root
[formatter_generic]
format = %(asctime)s %(message)s
"""


class TestPaste:
    def test_pastes_own_sections_are_passed_over(self, tmp_path: Path) -> None:
        text = (
            PASTE.replace("    [indented]\n", "")
            + MINIMAL
            + "[tfa]\nkey_file = %(here)s/keys/tfa.key\n[server:main]\nx\n"
        )
        settings = config.read_paste(written(tmp_path, text), here="/srv/console")
        assert settings.tfa.key_file == "/srv/console/keys/tfa.key"
        assert settings.folder == Path("/srv/console")

    def test_here_is_the_files_folder_by_default(self, tmp_path: Path) -> None:
        path = written(tmp_path, MINIMAL + "[tfa]\naccounts = %(here)s/users\n")
        assert config.read_paste(path).tfa.accounts == f"{tmp_path}/users"

    def test_a_realm_is_never_passed_over_by_a_slip(self, tmp_path: Path) -> None:
        # K7: a realm that silently vanished would be an open area
        for slip in ("[relm:user]\n", "  [realm:user]\n", PASTE):
            with pytest.raises(ConfigError):
                config.read_paste(written(tmp_path, "[app:main]\nuse = x\n" + slip + MINIMAL))

    def test_mistakes_name_the_line_of_the_file(self, tmp_path: Path) -> None:
        text = "[app:main]\nuse = x\n" + MINIMAL + "nonsense\n"
        with pytest.raises(ConfigError, match="in line 6"):
            config.read_paste(written(tmp_path, text))


class TestReference:
    def test_it_is_a_valid_file_as_it_is_and_with_every_key_set(self, tmp_path: Path) -> None:
        plain = config.read(written(tmp_path, reference()))
        every = config.read(written(tmp_path, re.sub("(?m)^;", "", reference())))
        made = dataclasses.replace(every.realms[0], lifetime=None, idle=None)
        assert dataclasses.replace(every, realms=(made,)) == plain

    @pytest.mark.parametrize("text", [reference, reference_markdown])
    def test_it_names_every_key_of_a_realm(self, text: Any) -> None:
        for field in dataclasses.fields(RealmSettings):
            assert field.name == "name" or field.name in text()

    def test_the_from_key_has_the_name_of_the_ini(self) -> None:
        assert "\n;from = " in reference()
        assert "sender" not in reference()


class TestAdvice:
    def of(self, sections: dict[str, dict[str, str]] | None = None, **keys: str) -> str:
        return "\n".join(advise(config.from_dict({**realm(**keys), **(sections or {})})))

    def test_a_careful_configuration_needs_none(self) -> None:
        site = {
            "tfa": {"base_url": "https://x.example"},
            "mail": {"smtp": "smtps://mail.example.com"},
        }
        text = self.of(site, paths="/", login="/login", whoami="/me", whoami_pointer="/name", verifiers="totp")
        assert text == ""

    @pytest.mark.parametrize(
        ("sections", "keys", "words"),
        [
            ({}, {}, "Only /admin is covered"),
            ({}, {"exempt": "/admin/api", "exempt_cookies": "yes"}, "/admin/api is single-factor"),
            ({}, {"exempt": "/admin/api"}, "from every network"),
            ({}, {"public": "/static/"}, "has no effect"),
            ({}, {"policy": "required"}, "enrolment = open"),
            ({}, {}, "without whoami"),
            ({}, {"verifiers": "totp email"}, "not AAL2"),
            ({}, {"policy": "off"}, "a password alone is enough"),
            ({}, {"lifetime": "13h"}, "(720 minutes)"),
            ({}, {"scope": "user", "idle": "2h"}, "(60 minutes)"),
            ({"tfa": {"insecure_dev": "yes"}}, {}, "insecure_dev"),
            ({}, {}, "base_url is empty"),
            ({"tfa": {"base_url": "http://x.example"}}, {}, "base_url is http"),
            ({"tfa": {"store": "memory:"}}, {}, "one process only"),
            ({}, {}, "console:"),
            ({"verifier:totp": {"digits": "8"}}, {}, "[verifier:totp] digits = 8"),
        ],
    )
    def test_what_stays_open_is_said(
        self, sections: dict[str, dict[str, str]], keys: dict[str, str], words: str
    ) -> None:
        assert words in self.of(sections, **keys)

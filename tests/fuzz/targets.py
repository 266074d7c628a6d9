"""Every target by name: a function of octets that fails where a property does not hold."""

from __future__ import annotations

from collections.abc import Callable

from fuzz import (
    target_answers,
    target_cookies,
    target_ini,
    target_link,
    target_login,
    target_paths,
    target_query,
    target_records,
    target_tokens,
)

TARGETS: dict[str, Callable[[bytes], None]] = {
    "cookie_header": target_cookies.cookie_header,
    "cookie_value": target_cookies.cookie_value,
    "set_cookie": target_cookies.set_cookie,
    "login_body": target_login.login_body,
    "query": target_query.query,
    "location": target_login.location,
    "path": target_paths.path,
    "local_path": target_paths.local_path,
    "account_file": target_records.account_file,
    "record": target_records.record,
    "ini": target_ini.ini,
    "values": target_ini.values,
    "answer": target_answers.answer,
    "edits": target_answers.edits,
    "login_answer": target_answers.login_answer,
    "link": target_link.link,
    "session_cookie": target_tokens.session_cookie,
    "seal": target_tokens.seal,
}

"""Addresses in the notes under tables are links; nothing else of a note becomes markup."""

from __future__ import annotations

from studyapp.templatetags.formats import linked


def test_addresses_of_probes_become_links_and_all_else_is_escaped() -> None:
    assert linked("Beside others: /probes/texture/?o=study:fc2.") == (
        'Beside others: <a href="/probes/texture/?o=study:fc2">/probes/texture/?o=study:fc2</a>.'
    )
    assert linked('<b> & "q" /etc/passwd javascript:x') == (
        "&lt;b&gt; &amp; &quot;q&quot; /etc/passwd javascript:x"
    )
    assert linked('/probes/x/"onclick=') == '<a href="/probes/x/">/probes/x/</a>&quot;onclick='
    assert linked("") == ""

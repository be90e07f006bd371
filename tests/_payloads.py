"""Hostile names: every text a user types must come out as text, in every format."""

PAYLOADS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", '"><b>', "' onmouseover='x",
    "</script><script>alert(1)</script>", "</title><script>", "<!--", "-->", "]]>", "&lt;b&gt;", "&#x3c;script&#x3e;",
    '<b>,URL="javascript:alert(1)",tooltip=<x>', '<b>]; evil [label="pwn",URL="javascript:alert(2)",tooltip=<x>',
    'a" ,URL="javascript:alert(3)', "abc\\", 'abc\\" URL="x', '"];evil[label="pwn', r"\N \G \E \T \L",
    '<<TABLE><TR><TD HREF="javascript:x">x</TD></TR></TABLE>>', '<<FONT FACE="x&quot; onload=&quot;alert(4)">x</FONT>>',
    '<IMG SRC="/etc/hostname"/>', "{a|b}", r"$\href{javascript:alert(1)}{x}$", r"\def\x{\x\x}\x",
    r"\require{html}\style{x}{y}", "$$", "`code`", "[x](javascript:alert(1))", "|",
    '<button data-commandlinker-command="x">', '<a id="cookie">', "<form action=javascript:x>", "javascript:alert(1)",
    "data:text/html,<script>", "../../x", "/etc/hostname", r"..\..\x", "CON", "a\x00b", "\x1b[2J", "\u202egnp.exe",
    "a\u2028b", "\ufeffx", "\ud800", "a" * 100_000, "👩‍🔬", "%s%n", "${jndi:x}", "{{7*7}}", "{0.__class__}",
    "=cmd|'/c calc'!A1", "@SUM(1)", " =1+1", "-1+cmd", "__class__", "__proto__", "constructor", "; touch x", "$(id)",
    "`id`", "-Tsvg", "--help", "", " ", "#1", "#g", "@font", "W_2^{3}", "x\ny", "ж", "λ", "日本語",
)
# What could mean something to a browser.
ATTACKS = tuple(p for p in PAYLOADS if len(p) < 1000 and set(p) & set("<>\"'&`$(){}=:"))

"""Hostile article pages and robots.txt files."""

from __future__ import annotations

from support.feed_server import Handler, answer, redirect
from support.hostile_answers import drip, flood, gzip_zeros, head, packed


def page_attacks(trap: str) -> dict[str, bytes]:
    """Return hostile article pages by name."""
    text = "<p>" + "The harbour was closed for a day and ships waited outside. " * 12 + "</p>"
    page = (
        "<html><head>{head}</head><body><article><h1>Headline {name}</h1>{body}</article>"
        "</body></html>"
    )

    def make(name: str, *, head: str = "", body: str = text) -> str:
        return page.format(name=name, head=head, body=body)

    ld = '<script type="application/ld+json">{}</script>'
    files: dict[str, str] = {
        "attributes": make("a", body="<p " + " ".join(f'a{n}="1"' for n in range(100_000)) + ">"
                           + text),
        "attributes-spread": make("b", body="".join(
            "<p " + " ".join(f'a{n}="1"' for n in range(1_900)) + ">x</p>" for _ in range(200))),
        "nested-div": make("c", body="<div>" * 900_000 + text),
        "nested-inline": make("d", body="<b><i><u>" * 250_000 + text),
        "nested-table": make("e", body="<table><tr><td>" * 100_000 + text),
        "nested-list": make("f", body="<ul><li>" * 200_000 + text),
        "nested-form": make("g", body="<form><a><nobr><button>" * 60_000 + text),
        "misnested": make("h", body="<b><p></b></p>" * 150_000 + text),
        "adoption": make("i", body="<a><b><i>" * 3_000 + "<p></a>" * 3_000 + text),
        "one-line": "<p>" + "word " * 1_000_000,
        "one-word": make("j", body="<p>" + "a" * 4_900_000 + "</p>"),
        "one-cjk": make("k", body="<p>" + "한" * 1_600_000 + "</p>"),
        "links": make("l", body="".join(f'<a href="/{n}">link {n}</a> ' for n in range(100_000))),
        "breaks": make("m", body="<br>" * 1_000_000),
        "items": make("n", body="<ul>" + "<li>x" * 500_000 + "</ul>"),
        "cells": make("o", body="<table>" + "<tr><td>x" * 300_000 + "</table>"),
        "paragraphs": make("p", body="<p>word word word</p>" * 200_000),
        "unclosed-p": make("q", body="<p>" * 1_600_000),
        "unclosed-tag": make("r", body=text + "<p " * 1_600_000),
        "unclosed-comment": make("s", body=text + "<!--" * 1_200_000),
        "unclosed-script": make("t", body=text + "<script>" * 600_000),
        "brackets": make("u", body="<" * 4_900_000),
        "ampersands": make("v", body="&" * 4_900_000),
        "entities": make("w", body="<p>" + "&NotAnEntity;" * 350_000 + "</p>"),
        "digits": make("x", body="<p>&#" + "9" * 4_000_000 + ";</p>"),
        "spaces": make("y", body="<p>a" + " " * 4_800_000 + "b</p>"),
        "newlines": make("z", body="<p>a" + "\n" * 4_800_000 + "b</p>"),
        "dots": make("aa", body="<p>" + "." * 4_800_000 + "</p>"),
        "dashes": make("ab", body="<p>" + "-" * 2_000_000 + " | " * 500_000 + "</p>"),
        "at-signs": make("ac", body="<p>" + "a@" * 2_000_000 + "</p>"),
        "mails": make("ad", body="<p>" + "a" * 300_000 + "@" + "b." * 300_000 + "</p>"),
        "urls": make("ae", body="<p>" + "http://" * 600_000 + "</p>"),
        "dates": make("af", body="<p>" + "2026-11-22 10:00 " * 250_000 + "</p>"),
        "dates-meta": make("ag", head="".join(
            f'<meta name="date" content="2026-{n % 12 + 1:02}-01">' for n in range(60_000))),
        "date-long": make("ah", head='<meta property="article:published_time" content="'
                          + "2026-" * 500_000 + '">'),
        "numbers": make("ai", body="<p>" + "1,234,567.89 " * 300_000 + "</p>"),
        "quotes": make("aj", body="<p>" + "“‘\"'«「『" * 200_000 + "</p>"),
        "parentheses": make("ak", body="<p>" + "(" * 1_500_000 + ")" * 1_500_000 + "</p>"),
        "copyright": make("al", body="".join(
            "<p>© 2026 All rights reserved. " + "Reproduction " * 20 + "</p>"
            for _ in range(15_000))),
        "bylines": make("am", body="<p>By " + "Jane " * 800_000 + "</p>"),
        "reporter": make("an", body="<p>" + "김철수 기자 = " * 200_000 + "</p>"),
        "combining": make("ao", body="<p>a" + "\u0316\u0300" * 1_000_000 + "</p>"),
        "zalgo-title": make("ap", head="<title>a" + "\u0316\u0300" * 400_000 + "</title>"),
        "jamo": make("aq", body="<p>" + "\u1100\u1161\u11a8" * 500_000 + "</p>"),
        "bidi": make("ar", body="<p>" + "\u202e\u2066" * 800_000 + "</p>"),
        "zero-width": make("as", body="<p>" + "a\u200b\u200d\ufeff" * 400_000 + "</p>"),
        "data-uri": make("at", body=text + '<img src="data:image/png;base64,' + "A" * 4_800_000
                         + '">'),
        "srcset": make("au", body=text + '<img srcset="' + "/a.jpg 1x, " * 400_000 + '">'),
        "style": make("av", body='<p style="' + "a:b;" * 1_000_000 + '">' + text),
        "class": make("aw", body='<div class="' + "article comment " * 300_000 + '">' + text),
        "css": make("ax", head="<style>" + "a{" * 2_000_000 + "</style>"),
        "ld-deep": make("ay", head=ld.format('{"a":' * 100_000 + "1" + "}" * 100_000)),
        "ld-wide": make("az", head=ld.format(
            '{"@type":"NewsArticle","articleBody":"' + "x y " * 1_200_000 + '"}')),
        "ld-many": make("ba", head=ld.format('{"@type":"NewsArticle","headline":"x"}') * 60_000),
        "ld-graph": make("bb", head=ld.format('{"@graph":[' + ",".join(
            ['{"@type":"NewsArticle","author":[{"name":"a"}]}'] * 80_000) + "]}")),
        "ld-number": make("bc", head=ld.format('{"@type":"NewsArticle","wordCount":'
                                               + "9" * 400_000 + "}")),
        "ld-strings": make("bd", head=ld.format('{"@type":"NewsArticle","headline":"'
                                                + "\\ud800" * 500_000 + '"}')),
        "ld-types": make("be", head=ld.format(
            '{"@type":["NewsArticle",7,null,{}],"headline":[[[]]],"author":{"name":{"name":[]}},'
            '"datePublished":{"x":1},"articleBody":5,"isAccessibleForFree":[false]}')),
        "ld-comments": make("bf", head=ld.format("/*" * 1_000_000)),
        "next-data": make("bg", body=text + '<script id="__NEXT_DATA__" type="application/json">'
                          + '{"a":[' * 200_000 + "</script>"),
        "metas": make("bh", head='<meta property="og:title" content="x">' * 100_000),
        "meta-open": make("bi", head='<meta content="' + "x" * 3_000_000),
        "title-long": make("bj", head="<title>" + "word " * 900_000 + "</title>"),
        "titles": make("bk", head="<title>x</title>" * 200_000),
        "charset-lie": make("bl", head='<meta charset="utf-16">'),
        "charset-utf7": make("bm", head='<meta charset="utf-7">',
                             body="+ADw-script+AD4-" + text),
        "charset-odd": make("bn", head='<meta charset="zlib_codec">', body=text + "\xff"),
        "canonical-private": make(
            "bo", head=f'<link rel="canonical" href="http://{trap}/canonical">'
            f'<link rel="alternate" hreflang="ko" href="http://{trap}/ko">'
            f'<link rel="amphtml" href="http://{trap}/amp"><base href="http://{trap}/">'
            f'<meta property="og:url" content="http://{trap}/og">'
            f'<meta http-equiv="refresh" content="0;url=http://{trap}/refresh">'),
        "frames": make("bp", body=text + f'<iframe src="http://{trap}/frame"></iframe>' * 50),
        "images-private": make("bq", body=text + f'<img src="http://{trap}/pixel">' * 50
                               + f'<object data="http://{trap}/o"></object>'),
        "svg": make("br", body="<svg>" + '<use href="#a"/>' * 300_000 + "</svg>" + text),
        "math": make("bs", body="<math>" + "<mi>" * 300_000 + text),
        "templates": make("bt", body="<template>" * 300_000 + text),
        "noscript": make("bu", body="<noscript>" * 300_000 + text),
        "select": make("bv", body="<select>" + "<option>x" * 400_000 + "</select>" + text),
        "doctype": "<!DOCTYPE html [" + '<!ENTITY a "b">' * 200_000 + "]>" + make("bw"),
        "entities-dtd": '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + make("bx", body="<p>&x;</p>" + text),
        "xhtml-namespaces": '<html xmlns="http://www.w3.org/1999/xhtml" '
        + " ".join(f'xmlns:n{n}="u"' for n in range(50_000)) + ">" + make("by"),
        "conditional": make("bz", body="<!--[if IE]>" * 300_000 + text),
        "nul": make("ca", body="\x00" * 2_000_000 + text),
        "control": make("cb", body="\x01\x02\x1b[31m" * 500_000 + text),
        "microdata": make("cc", body='<div itemscope itemprop="articleBody">' * 50_000 + text),
        "headings": make("cd", body="<h2>Related stories</h2><p>x</p>" * 80_000),
        "short-lines": make("ce", body="<p>" + "<br>".join(["Read more"] * 150_000) + "</p>"),
        "sentences": make("cf", body="<p>" + "A b. " * 900_000 + "</p>"),
        "repeat-blocks": make("cg", body=text * 6_000),
        "random-lines": make("ch", body="".join(
            f"<p>Line {n * 7919 % 100_003} of the long report says {n} things.</p>"
            for n in range(50_000))),
        "empty": "",
        "blank": " \n" * 1_000_000,
    }  # fmt: skip
    pages = {name: body.encode("utf-8", "surrogatepass")[:4_950_000]
             for name, body in files.items()}  # fmt: skip
    pages["utf16"] = make("ci").encode("utf-16")
    pages["high-bytes"] = make("cj").encode() + b"\xa1\xfe\x80" * 1_500_000
    pages["escapes"] = make("ck").encode() + b"\x1b$B!!" * 500_000
    pages["bytes"] = bytes(range(256)) * 19_000
    return pages


def robots_attacks(trap: str) -> dict[str, Handler]:
    """Return hostile robots.txt answers by name."""
    stars = "User-agent: *\nDisallow: /" + "*a" * 60 + "*b$\n"
    return {
        "stars": answer(stars, content_type="text/plain"),
        "stars-many": answer(
            "User-agent: *\n" + ("Disallow: /" + "*a" * 20 + "b\n") * 5_000,
            content_type="text/plain",
        ),
        "rules": answer(
            "User-agent: *\n" + "".join(f"Disallow: /q{n}\n" for n in range(30_000)),
            content_type="text/plain",
        ),
        "agents": answer(
            "".join(f"User-agent: a{n}\n" for n in range(25_000)) + "Disallow: /\n",
            content_type="text/plain",
        ),
        "agents-times-rules": answer(
            "".join(f"User-agent: a{n}\n" for n in range(10_000))
            + "User-agent: *\n"
            + "".join(f"Disallow: /q{n}\n" for n in range(20_000))
        ),
        "five-mb": answer("User-agent: *\nAllow: /\n" + "# x\n" * 1_300_000),
        "one-line": answer("User-agent: *\nDisallow: /" + "%" * 500_000),
        "newlines": answer("\n" * 520_000),
        "blanks": answer("User-agent:" + " " * 500_000 + "x"),
        "delay": answer("User-agent: *\nCrawl-delay: 1e308\n"),
        "delay-nan": answer("User-agent: *\nCrawl-delay: nan\n"),
        "delay-negative": answer("User-agent: *\nCrawl-delay: -5\n"),
        "delay-inf": answer("User-agent: *\nCrawl-delay: inf\nRequest-rate: 1/99999999999s\n"),
        "visit-time": answer("User-agent: *\nVisit-time: 9999-99999\nRequest-rate: 0/0 x-y\n"),
        "sitemaps": answer(
            "User-agent: *\nAllow: /\n" + f"Sitemap: http://{trap}/sitemap.xml\n" * 10_000
        ),
        "private": redirect(f"http://{trap}/robots.txt"),
        "loop": redirect("/robots.txt"),
        "endless": flood(head("Content-Type: text/plain"), b"Disallow: /x\n"),
        "slow": drip(head("Content-Type: text/plain"), b"D"),
        "binary": answer(b"\x00\xff\xfe" * 100_000),
        "bomb": packed(gzip_zeros(300), "gzip"),
    }

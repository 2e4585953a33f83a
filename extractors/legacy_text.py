"""How much a decoded text looks like a written language: the judge in the contest of encodings.

In: text that some codec made of unknown bytes. Out: a number from 0 to 1. It knows nothing of
bytes or labels. The sets hold the most frequent characters of each language's news text; wrong
codecs yield valid but rare characters, so the share of frequent ones tells them apart.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

# Roughly the 100 most frequent syllables and characters: about half of all running text in Korean
# and Chinese, and a tenth or less of what a wrong codec makes of other text.
_HANGUL: Final = frozenset(
    "이다의에는을가고은한를지로하해자서기사도대시인정으리일보어나과전수부제장스그있원만아며상유국"
    "것동주조선들라오여구공미경회위성들관연신중비민방면세무안영화통계소거명게적당말했였된될할"
    "합니습까금년월개업내트물재실등용모간심발우데와라북남"
)
_HAN_SIMPLIFIED: Final = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过"
    "子说产种面而方后多定行学法所民得经三之进着等部度家电力里如水化高自二理起小物现实加量都两体制"
    "机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数"
    "正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直"
    "题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别"
    "她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口"
    "东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车"
    "例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记"
    "需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省"
    "列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼"
    "王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严"
)
_HAN_TRADITIONAL: Final = frozenset(
    "的一是在不了有和人這中大為上個國我以要他時來用們生到作地於出就分對成會可主發年動同工也能下過"
    "子說產種面而方後多定行學法所民得經三之進著等部度家電力裡如水化高自二理起小物現實加量都兩體制"
    "機當使點從業本去把性好應開它合還因由其些然前外天政四日那社義事平形相全表間樣與關各重新線內數"
    "正心反你明看原又麼利比或但質氣第向道命此變條只沒結解問意建月公無系軍很情者最立代想已通並提直"
    "題黨程展五果料象員革位入常文總次品式活設及管特件長求老頭基資邊流路級少圖山統接知較將組見計別"
    "她手角期根論運農指幾九區強放決西被幹做必戰先回則任取據處隊南給色光門即保治北造百規熱領七海口"
    "東導器壓志世金增爭濟階油思術極交受聯什認六共權收證改清己美再採轉更單風切打白教速花帶安場身車"
    "例真務具萬每目至達走積示議聲報鬥完類八離華名確才科張信馬節話米整空元況今集溫傳土許步群廣石記"
    "需段研界拉林律叫且究觀越織裝影算低持音眾書布復容兒須際商非驗連斷深難近礦千週委素技備半辦青省"
    "列習響約支般史感勞便團往酸歷市克何除消構府稱太準精值號率族維劃選標寫存候毛親快效斯院查江型眼"
    "王按格養易置派層片始卻專狀育廠京識適屬圓包火住調滿縣局照參紅細引聽該鐵價嚴灣啦嘅喺咗係唔"
)
_KANJI: Final = frozenset(
    "日一国会人年大十二本中長出三同時政事自行社見月分議後前民生連五発間対上部東者党地合市業内相方"
    "四定今回新場金員九入選立開手米力学問高代明実円関決子動京全目表戦経通外最言氏現理調体化田当八"
    "六約主題下首意法不来作性的要用制治度務強気小七成期公野協取都和統以機平総加山思家話世受区領多"
    "県続進正安設保改数記院女初北午指権心界支第産結百派点教報済書府活原先共得解名交資予川向際査勝"
    "面委告軍文反元重近千考判認画海参売利組知案道信策集在件団別物側任引使求所次水半品昨論計死官増"
    "係感特情投示変打男基私各始島直両朝革価式確村提運終挙果西勢減台広容必応演電歳住争談能無再位置"
)
_CYRILLIC: Final = frozenset("оеаинтсрвлкмдпуОЕАИНТСРВ")
_GREEK: Final = frozenset("αιοετνσρπκηςυμλόίάήέ")
_HEBREW: Final = frozenset("יוהלאבתרמנשםה")
_ARABIC: Final = frozenset("اليمونرتبةعدسفهكقح")
_THAI: Final = frozenset("านรอกเงมยลวดทสตะปบคหแจพชขใไโ่้ี็ัิ")

_HANGUL_RANGE: Final = re.compile("[가-힣]")
_KANA_RANGE: Final = re.compile("[ぁ-ゖァ-ヺー]")
_HAN_RANGE: Final = re.compile("[一-鿿]")
# What wrong codecs produce: half-width kana, private use, Extension A, Yi, jamo, box drawing, C1.
_SUSPECT: Final = re.compile("[ｦ-ﾟ\ue000-\uf8ff㐀-䶿ꀀ-꓆ㄱ-ㆎ\u2500-\u257f\x80-\x9f\u0180-\u024f]")
_MIXED: Final = re.compile(
    "(?<=[A-Za-z])[\u0370-\uffef](?=[A-Za-z ])|(?<= )[\u0370-\uffef](?=[a-z])"
)
_WIDE: Final = re.compile("[\u0370-\u1fff\u3040-\uffef]")
_NON_ASCII: Final = re.compile("[^\x00-\x7f]+")
_PUNCTUATION: Final = frozenset(
    "　、。，．・：；？！“”‘’（）「」『』〈〉《》【】…―—–·ⓒ©®™°«»„‚¡¿ €£¥"
)
_WESTERN: Final = frozenset("éèêëàâäáãåçñöôóòõøüûùúíìîïßœæÉÈÊÀÂÄÁÃÅÇÑÖÔÓÕØÜÛÚÍÎŒÆ")
_CENTRAL: Final = frozenset("ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽőűŐŰäöüăâîșţşÄÖÜ")
_TURKISH: Final = frozenset("çğıöşüÇĞİÖŞÜâîû")


def _runs(signs: frozenset[str]) -> re.Pattern[str]:
    return re.compile("[" + re.escape("".join(sorted(signs))) + "]+")


_NO_LETTERS: Final = _runs(_PUNCTUATION)

MIN_CHARS: Final = 4
"""With fewer non-ASCII characters the text says nothing about its encoding."""


def plausibility(text: str, name: str) -> float:
    """Return 0-1: the share of `text`'s non-ASCII characters that its language uses often.

    `name` is the encoding that made it, which says what language to expect.
    """
    chars = "".join(_NON_ASCII.findall(text)[:4000])[:20_000]
    letters = _NO_LETTERS.sub("", chars)
    if not letters:
        # Punctuation only: curly quotes in Western text; a good sign for windows-1252 alone.
        return 0.3 if name == "windows-1252" and chars else 0.05
    suspect = len(_SUSPECT.findall(letters)) / len(letters)
    score = _share(letters, name) - 2.0 * suspect
    if name not in _LETTER_SETS:
        # Western accents read in another script stand alone inside Latin words.
        score -= len(_MIXED.findall(text[:40_000])) / max(len(_WIDE.findall(text[:40_000])), 1)
    if len(letters) < MIN_CHARS:
        score *= 0.5
    return max(0.0, min(1.0, score))


def most_plausible(name: str) -> float:
    """Return what `plausibility` can give at most for texts of this encoding."""
    if name in _LIKE_ANY:
        return 1.0
    return 0.9 if name in _ALPHABETS else 0.45


_LIKE_ANY: Final = frozenset(
    ["cp949", "johab", "cp932", "euc-jp", "iso-2022-jp", "gb18030", "big5hkscs", "utf-8"]
)


@cache
def _frequent(signs: frozenset[str]) -> re.Pattern[str]:
    return _runs(signs)


def _count(letters: str, signs: frozenset[str]) -> int:
    return sum(map(len, _frequent(signs).findall(letters)))


def _share(letters: str, name: str) -> float:
    total = len(letters)
    if name in ("cp949", "johab"):
        hangul = len(_HANGUL_RANGE.findall(letters))
        common = _count(letters, _HANGUL) / total
        # Korean news is Hangul with a few Hanja; Chinese read as CP949 is half and half.
        return 0.35 * (hangul / total) ** 3 + common
    if name in ("cp932", "euc-jp", "iso-2022-jp"):
        kana = len(_KANA_RANGE.findall(letters))
        common = _count(letters, _KANJI) / total
        return (0.2 if kana >= 0.2 * total else 0.0) + 0.7 * kana / total + common
    if name == "gb18030":
        kana = len(_KANA_RANGE.findall(letters))
        return _count(letters, _HAN_SIMPLIFIED) / total - kana / total
    if name == "big5hkscs":
        kana = len(_KANA_RANGE.findall(letters))
        return _count(letters, _HAN_TRADITIONAL) / total - kana / total
    return _single_byte_share(letters, name)


_ALPHABETS: Final[dict[str, tuple[frozenset[str], str]]] = {
    "windows-1251": (_CYRILLIC, "Ѐ-ӿ"),
    "koi8-r": (_CYRILLIC, "Ѐ-ӿ"),
    "koi8-u": (_CYRILLIC, "Ѐ-ӿ"),
    "iso8859-5": (_CYRILLIC, "Ѐ-ӿ"),
    "windows-1253": (_GREEK, "Ͱ-Ͽ"),
    "iso8859-7": (_GREEK, "Ͱ-Ͽ"),
    "windows-1255": (_HEBREW, "\u0590-\u05ff"),
    "iso8859-8": (_HEBREW, "\u0590-\u05ff"),
    "windows-1256": (_ARABIC, "\u0600-\u06ff"),
    "iso8859-6": (_ARABIC, "\u0600-\u06ff"),
    "cp874": (_THAI, "\u0e00-\u0e7f"),
}
_LETTER_SETS: Final[dict[str, frozenset[str]]] = {
    "windows-1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "iso8859-15": _WESTERN,
    "windows-1254": _TURKISH,
    "windows-1252": _WESTERN,
}


def _single_byte_share(letters: str, name: str) -> float:
    """For one-byte encodings: every byte is some letter, so only frequency speaks."""
    total = len(letters)
    if name in _ALPHABETS:
        common, block = _ALPHABETS[name]
        inside = len(re.findall(f"[{block}]", letters)) / total
        # Running text in these alphabets is long runs, not single letters in Latin words.
        frequent = _count(letters, common) / total
        return 0.9 * frequent * inside if total >= 20 else 0.3 * frequent * inside
    known = _LETTER_SETS.get(name, _WESTERN)
    return 0.45 * _count(letters, known) / total

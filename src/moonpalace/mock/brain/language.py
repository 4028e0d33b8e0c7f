"""In which language an answer is due: Chinese, Japanese, Korean, or English for everything else.

1. A character of Chinese, Japanese or Korean weighs as much as a word in Latin letters; the heavier side wins, CJK on a
   draw. Code between fences and addresses have no weight.
2. Japanese is told from Chinese by its kana.
"""

from __future__ import annotations

import re

LANGUAGES = ("en", "zh", "ja", "ko")
_LOOKED_AT = 2_000
_NO_WEIGHT = re.compile(r"```.*?(?:```|\Z)|https?://\S+", re.DOTALL)
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile(r"[\u3041-\u309f\u30a1-\u30fa\u30fd-\u30ff\uff66-\uff9d]")
_HANGUL = re.compile(r"[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
_KANA_SHARE = 0.15


def language(text: str) -> str:
    """One of LANGUAGES. Cost: only the first 2,000 characters count."""
    text = text[:_LOOKED_AT]
    if text.isascii():
        return "en"
    if "```" in text or "://" in text:
        text = _NO_WEIGHT.sub(" ", text)
    han, kana, hangul = len(_HAN.findall(text)), len(_KANA.findall(text)), len(_HANGUL.findall(text))
    chinese = han + kana
    if max(chinese, hangul) == 0 or len(_LATIN.findall(text)) > max(chinese, hangul):
        return "en"
    if hangul > chinese:
        return "ko"
    return "ja" if kana >= _KANA_SHARE * chinese else "zh"

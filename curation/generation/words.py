"""The words that judges use in headings and for ratings, in many languages.

All are in lower case with plain digits and colons, because a line is brought into this form (NFKC) before it is
compared.
"""

# ruff: noqa: RUF001 - words of many languages are the data of this file

from __future__ import annotations

from types import MappingProxyType

TEXTS = (
    # English, and what other languages took from it
    "texts?|outputs?|responses?|answers?|completions?|generations?|candidates?|repl(?:y|ies)|assistant|model|sample|option|"
    # German, Dutch, Swedish, Danish, Norwegian
    r"antwort|ausgabe|kandidat|tekst|antwoord|uitvoer|svar|"
    # French, Spanish, Portuguese, Italian, Romanian
    r"texte|réponse|sortie|texto|respuesta|salida|resposta|saída|testo|risposta|textul|răspuns(?:ul)?|"
    # Polish, Czech, Russian, Ukrainian
    r"tekst[u]?|odpowied[zź]i?|odpověď|текст[ау]?|ответ[ау]?|вариант[ау]?|відповід[ьі]|"
    # Turkish, Indonesian, Vietnamese, Hungarian, Finnish, Greek
    r"metin|cevap|yanıt|teks|jawaban|respons|văn bản|câu trả lời|szöveg|válasz|teksti|vastaus|κείμενο|απάντηση|"
    # Arabic, Persian, Hebrew, Hindi
    r"(?:ال)?نص|(?:ال)?إجابة|(?:ال)?رد|(?:ال)?استجابة|متن|پاسخ|טקסט|תשובה|पाठ|उत्तर|टेक्स्ट|"
    # Chinese, Japanese, Korean, Thai
    r"文本|回答|回复|回覆|答案|响应|回應|输出|輸出|テキスト|応答|出力|텍스트|답변|응답|출력|ข้อความ|คำตอบ"
)
"""Words for one of the texts that a judge rates."""

RATINGS = (
    r"ratings?|scores?|bewertung|punktzahl|wertung|calificación|puntuación|valoración|avaliação|pontuação|valutazione|"
    r"punteggio|beoordeling|waardering|ocena|оценка|рейтинг|оцінка|puan(?:ı)?|derecelendirme|betyg|hodnocení|"
    r"điểm(?: số)?|peringkat|skor|értékelés|βαθμολογία|(?:ال)?تقييم|(?:ال)?درجة|امتیاز|דירוג|ציון|रेटिंग|"
    r"评分|評分|评级|得分|分数|分數|評価|評点|スコア|レーティング|평점|점수|등급|คะแนน"
)
"""Words for a rating. They always introduce a rating, even if what follows cannot be read as a number."""

RATINGS_MAYBE = (
    r"grade|mark|note|nota|voto|evaluation|évaluation|değerlendirme|not|cijfer|балл|评价|평가|đánh giá|penilaian|nilai"
)
"""Words that introduce a rating only if a number follows: they have other meanings too ("Note: it is short")."""

RATIONALES = (
    r"rationales?|reason(?:s|ing)?|explanation|justification|begründung|erklärung|raison(?:nement)?|explication|"
    r"justificación|razón|explicación|razonamiento|justificativa|explicação|raciocínio|motivazione|spiegazione|"
    r"giustificazione|ragionamento|toelichting|onderbouwing|motivatie|uzasadnienie|обоснование|объяснение|пояснение|"
    r"обґрунтування|gerekçe|açıklama|motivering|zdůvodnění|lý do|giải thích|alasan|penjelasan|indoklás|αιτιολόγηση|"
    r"(?:ال)?مبرر(?:ات)?|(?:ال)?سبب|(?:ال)?تبرير|(?:ال)?تفسير|دلیل|توضیح|נימוק|तर्क|कारण|"
    r"理由|解释|解釋|依据|依據|说明|說明|根拠|説明|근거|이유|설명|เหตุผล"
)
"""Words for the rationale of a rating."""

TYPES = r"types?|typ|tipo|тип|tür|类型|類型|タイプ|유형|النوع"

ABOUT = (
    r"the|for|of|on|to|about|my|your|overall|final|total|general|quality|numeric(?:al)?|assigned|evaluations?|"
    r"assessments?|feedback|analysis|review|results?|judg(?:e)?ments?|critique|number|"
    r"für|zu[mr]?|von|den|der|die|das|dem|des|gesamt|insgesamt|beurteilung|einschätzung|ergebnis|analyse|"
    r"pour|sur|le|la|les|du|de|évaluation|note|globale?|finale?|résultat|"
    r"para|el|los|del|sobre|evaluación|resultado|o|a|do|da|no|avaliação|análise|análisis|"
    r"per|il|lo|di|del(?:la|lo)?|sul|valutazione|risultato|analisi|"
    r"voor|van|over|het|resultaat|dla|ocena|wynik|do|för|til|pro|pentru|"
    r"для|по|к|оценка|вывод|результат|анализ|общ(?:ая|ий)|итоговая|"
    r"için|sonucu?|çıktı(?:sı)?|genel|untuk|dari|penilaian|cho|của|đánh giá|"
    r"ل|لل|عن|من|على|تقييم|مخرجات|تحليل|برای"
)
"""Words that a heading may have beside the name of a text, in languages with blanks between words."""

ABOUT_JOINED = (
    r"对于|對於|对|對|针对|針對|关于|關於|第|个|個|的|之|评价|評價|评估|評估|分析|结果|結果|输出|輸出|评分|評分|得分|最终|总体|整体|综合|"
    r"の|に対する|について|出力|評価|結果|総合|에|대한|의|출력|평가|결과|최종|전체"
)
"""The same for languages without blanks between words: Chinese, Japanese, Korean."""

NUMBERS = MappingProxyType(
    {
        word: number
        for words in (
            "one two three four five",
            "eins zwei drei vier fünf",
            "un deux trois quatre cinq",
            "uno dos tres cuatro cinco",
            "um dois três quatro cinco",
            "uno due tre quattro cinque",
            "een twee drie vier vijf",
            "jeden dwa trzy cztery pięć",
            "один два три четыре пять",
            "bir iki üç dört beş",
            "satu dua tiga empat lima",
            "một hai ba bốn năm",
            "واحد اثنان ثلاثة أربعة خمسة",
            "一 二 三 四 五",
            "하나 둘 셋 넷 다섯",
        )
        for number, word in enumerate(words.split(), 1)
    }
)
"""One to five as words."""

UNITS = (
    r"stars?|points?|pts?\.?|sterne?|punkte?|étoiles?|estrellas?|puntos?|pontos?|estrelas?|stelle|punti|sterren|punten|"
    r"gwiazdek|punkt(?:y|ów)|баллов|балла?|зв[её]зд[ыа]?|yıldız|puan|bintang|نجوم|نقاط|分|星|颗星|顆星|点|つ星|점|별점?"
)
"""Units of a rating, such as "stars"."""

OUT_OF = (
    r"/|out of|of|over|on a scale (?:of|from)|scale(?: of| from)?|von|auf einer skala von|sur|de|sobre|em|su|di|"
    r"van(?: de)?|op|z|na|из|по шкале от|üzerinden|dari|trên|من|满分|滿分|满|中"
)
"""Words between a rating and the highest possible one, such as "out of"."""

TO = r"to|through|bis|à|a|hasta|até|tot|do|до|至|到|~|[-–—]"

OR = r"or|and|oder|und|ou|et|o|y|e|of|en|lub|или|veya|或|または|또는"

# SPDX-License-Identifier: MIT
"""The folders that every mailbox begins with: what they are for (RFC 6154), and what they are called in a language."""

from collections.abc import Mapping

from imapd.errors import Cannot

USES = ("\\Drafts", "\\Sent", "\\Junk", "\\Trash", "\\Archive")

LANGUAGES: dict[str, tuple[str, str, str, str, str]] = {
    "en": ("Drafts", "Sent", "Spam", "Trash", "Archive"),
    "cs": ("Koncepty", "Odeslané", "Nevyžádaná pošta", "Koš", "Archiv"),
    "da": ("Kladder", "Sendt", "Uønsket post", "Papirkurv", "Arkiv"),
    "de": ("Entwürfe", "Gesendet", "Spam", "Papierkorb", "Archiv"),
    "es": ("Borradores", "Enviados", "Correo no deseado", "Papelera", "Archivo"),
    "fi": ("Luonnokset", "Lähetetyt", "Roskaposti", "Roskakori", "Arkisto"),
    "fr": ("Brouillons", "Envoyés", "Indésirables", "Corbeille", "Archives"),
    "hu": ("Piszkozatok", "Elküldött", "Levélszemét", "Kuka", "Archívum"),
    "it": ("Bozze", "Posta inviata", "Posta indesiderata", "Cestino", "Archivio"),
    "ja": ("下書き", "送信済み", "迷惑メール", "ゴミ箱", "アーカイブ"),
    "nb": ("Utkast", "Sendt", "Søppelpost", "Papirkurv", "Arkiv"),
    "nl": ("Concepten", "Verzonden", "Ongewenst", "Prullenbak", "Archief"),
    "pl": ("Szkice", "Wysłane", "Spam", "Kosz", "Archiwum"),
    "pt": ("Rascunhos", "Enviados", "Spam", "Lixeira", "Arquivo"),
    "ru": ("Черновики", "Отправленные", "Спам", "Корзина", "Архив"),
    "sv": ("Utkast", "Skickat", "Skräppost", "Papperskorg", "Arkiv"),
    "tr": ("Taslaklar", "Gönderilenler", "Gereksiz", "Çöp Kutusu", "Arşiv"),
    "uk": ("Чернетки", "Надіслані", "Спам", "Кошик", "Архів"),
    "zh": ("草稿", "已发送", "垃圾邮件", "已删除", "归档"),
}
"""Names in the order of USES."""


def standard_folders(language: str, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name and use of each, INBOX first; names: use and name of those that are not called as the language has it.
    Raises Cannot where two would have one name."""
    called = dict(zip(USES, LANGUAGES.get(language, LANGUAGES["en"]), strict=True))
    called.update(names)
    found = [("INBOX", ""), *((name, use) for use, name in called.items())]
    if len({name.casefold() for name, _ in found}) < len(found):
        raise Cannot("Two of the standard folders would have the same name.")
    return found

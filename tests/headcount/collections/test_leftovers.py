"""Each rule about leftovers, and the names beside it that are photos."""

import pytest

from headcount.collections.leftovers import (
    RULES,
    left_out_lines,
    leftover_rule,
)

LEFTOVERS = {
    "a/@eaDir/b.jpg/SYNOPHOTO_THUMB_XL.jpg": "@eaDir",
    "moved/SYNOPHOTO_THUMB_M.jpg": "SYNOPHOTO_THUMB_*",
    "#recycle/2019/a.jpg": "#recycle",
    "#snapshot/GMT-2024/a.jpg": "#snapshot",
    "a/.@__thumb/s800a.jpg": ".@__thumb",
    "@Recycle/a.jpg": "@Recycle",
    "@Recently-Snapshot/1/a.jpg": "@Recently-Snapshot",
    "~snapshot/hourly.0/a.jpg": "~snapshot",
    ".thumbnails/1.jpg": ".thumbnails",
    ".Trash-1000/files/a.jpg": ".Trash",
    ".Trashes/501/a.jpg": ".Trash",
    ".Trash/a.jpg": ".Trash",
    "Network Trash Folder/a.jpg": "Network Trash Folder",
    "DCIM/.trashed-1699999999-a.jpg": ".trashed-*",
    "$RECYCLE.BIN/S-1-5/$R1.jpg": "$RECYCLE.BIN",
    "RECYCLER/a.jpg": "$RECYCLE.BIN",
    "System Volume Information/a.jpg": "System Volume Information",
    "lost+found/a.jpg": "lost+found",
    ".stversions/a~20240101.jpg": ".stversions",
    "files_trashbin/files/Album.d1699/a.jpg": "files_trashbin",
    "files_versions/a.jpg": "files_versions",
    "appdata_oc1x/preview/1/2/64-64.jpg": "appdata_*/preview",
    ".dtrash/files/a.jpg": ".dtrash",
    "2009/.picasaoriginals/a.jpg": ".picasaoriginals",
    "2009/[Originals]/a.jpg": "[Originals]",
    "Catalog Smart Previews.lrdata/A/B.dng": "*.lrdata",
    "My.photoslibrary/resources/derivatives/1.jpeg": "*.photoslibrary/resources",
    "iPhoto.photolibrary/Thumbnails/1.jpg": "*.photolibrary/Thumbnails",
    "Old.aplibrary/Previews/1.jpg": "*.photolibrary/Thumbnails",
    "AlbumArt_{5FA05D35-A682-4AF6}_Large.jpg": "AlbumArt",
    "AlbumArtSmall.jpg": "AlbumArt",
    "__MACOSX/a/._b.jpg": "__MACOSX",
    "a/._b.jpg": "._*",
    "a/.private/b.jpg": "hidden folders",
    "a/.b.jpg": "hidden files",
}

PHOTOS = (
    "a.jpg",
    "eaDir/a.jpg",
    "recycle/a.jpg",
    "Trash/a.jpg",
    "thumbnails/a.jpg",
    "Originals/a.jpg",
    "My.photoslibrary/originals/0/a.heic",
    "iPhoto.photolibrary/Masters/a.jpg",
    "appdata/preview/a.jpg",
    "appdata_x/y/preview/a.jpg",
    "#1 our wedding/a.jpg",
    "@work/a.jpg",
    "snapshot/a.jpg",
    "a.lrdata.jpg",
    "_MACOSX/a.jpg",
    "a/_b.jpg",
    "AlbumArt.jpg",
    "Recycler von 1990/a.jpg",
    "lost+found 2/a.jpg",
    "a.b/c..jpg",
    "../../leads-out.jpg",
    "./a.jpg",
)


@pytest.mark.parametrize("key", LEFTOVERS)
def test_a_leftover_is_known_by_its_rule_in_any_case(key: str) -> None:
    assert leftover_rule(key) == LEFTOVERS[key]
    assert leftover_rule(key.upper()) == LEFTOVERS[key]
    assert leftover_rule(f"2019/summer/{key}") == LEFTOVERS[key]


def test_every_rule_is_tried() -> None:
    assert {rule.name for rule in RULES} == set(LEFTOVERS.values())


@pytest.mark.parametrize("key", PHOTOS)
def test_names_like_these_are_photos(key: str) -> None:
    assert leftover_rule(key) is None


def test_of_several_folders_the_outermost_counts() -> None:
    assert leftover_rule("#recycle/@eaDir/a.jpg") == "#recycle"
    assert leftover_rule("@eaDir/#recycle/._a.jpg") == "@eaDir"


def test_the_line_says_the_most_first_and_what_lets_them_in() -> None:
    found = {
        "left_out": {"._*": 3, "@eaDir": 1200, "hidden files": 1, "--exclude": 2},
        "other_suffixes": {"psd": 1, "jxl": 4},
        "references_left_out": {"#recycle": 1},
    }
    assert left_out_lines(found) == [
        "1,206 files left out: 1,200 in @eaDir, 3 named ._*, 2 by --exclude, 1 hidden; "
        "--include lets them in",
        "5 image files of a kind that headcount does not read: 4 .jxl, 1 .psd; "
        "--all-objects tries them",
        "in the people folder, 1 file left out: 1 in #recycle; a .headcountignore there lets "
        "them in",
    ]


def test_nothing_is_said_where_nothing_was_left_out_or_an_earlier_build_counted() -> None:
    assert left_out_lines({}) == []
    assert left_out_lines({"left_out": {}, "other_suffixes": {}, "references_left_out": {}}) == []

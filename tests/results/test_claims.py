from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.results import Task
from anyres_bench.results.claims import (
    beside,
    claim_table,
    claims_of,
    published_claims,
    read_claims,
)
from tests.results.records import interval, result

HEADER = "system,dataset,metric,size,value,unit,protocol,source,confidence,task"


def test_the_papers_table_is_there() -> None:
    table = {
        (claim.system, claim.metric, claim.size): claim.value
        for claim in published_claims()
        if claim.dataset == "FFHQ-6K" and claim.metric in ("FID", "pFID") and claim.task
    }
    assert table == {
        ("MS-PE", "FID", "256"): 6.75,
        ("MS-PE", "FID", "512"): 30.41,
        ("Anycost-GAN", "FID", "256"): 4.24,
        ("Anycost-GAN", "FID", "512"): 5.94,
        ("Anycost-GAN", "FID", "1024"): 6.47,
        ("Anycost-GAN", "pFID", "rand 256..1024"): 18.39,
        ("AnyRes-GAN", "FID", "256"): 3.34,
        ("AnyRes-GAN", "FID", "512"): 3.71,
        ("AnyRes-GAN", "FID", "1024"): 4.06,
        ("AnyRes-GAN", "pFID", "rand 256..1024"): 2.96,
        ("Real-ESRGAN (SR of 256 base)", "pFID", "rand 256..1024"): 16.92,
    }


def test_every_claim_has_a_source_and_one_number() -> None:
    claims = published_claims()
    assert len(claims) > 300
    assert all(claim.source and claim.system and claim.dataset and claim.metric for claim in claims)
    assert all("/" not in claim.metric for claim in claims)


def test_a_number_that_a_source_has_beside_another_is_a_claim_of_its_own() -> None:
    found = {c.metric: c.value for c in claims_of("Aesthetic-Eval@4096", "UltraHR")}
    assert found == {"FID": 142.97, "FID_patch": 24.01}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,b,FID,1,nan,,p,s,A,", "nan"),
        ("a,b,FID,1,many,,p,s,A,", "many"),
        ("a,b,FID,1,2,,p,s,Z,", "expected one of A, B, C"),
        ("a,b,FID,1,2,,p,s,A,half/a/task", "no complete task id"),
        ("a,b,FID,1,2,,p,s,A,d/anyres-full064/m/e/n10@1", "spells its task"),
        ("a,b,FID", "cells"),
        ("a,b,FID,1,2,,p,s,A,,more", "cells"),
    ],
)
def test_what_is_no_claim_is_refused_with_its_line(row: str, said: str) -> None:
    with pytest.raises(DataError, match=r"line 2.*" + said):
        read_claims(f"{HEADER}\n{row}\n")


def test_other_columns_are_refused() -> None:
    with pytest.raises(DataError, match="expected system, dataset"):
        read_claims("system,value\na,1\n")


def test_only_equal_tasks_stand_beside_each_other() -> None:
    task = Task("ffhq6k", "anyres-full256", "frechet-ddof0", "e", 50_000).id
    text = f"{HEADER}\na,FFHQ,FID,256,3.5,,p,s,A,{task}\nb,FFHQ,FID,256,9,,p,s,A,\n"
    claims = read_claims(text)
    same = result(task=task, values={"frechet": 4.0}, intervals={"frechet": interval(3.4, 4.6)})
    (found,) = beside(claims, [same, result()])
    assert (found.claim.system, found.difference, found.within) == ("a", 0.5, True)
    (outside,) = beside(claims, [replace(same, intervals={"frechet": interval(3.9, 4.1)})])
    assert outside.within is False
    (without,) = beside(claims, [replace(same, intervals={})])
    assert without.within is None


def test_tables() -> None:
    claims = [claim for claim in published_claims() if claim.system == "AnyRes-GAN"]
    assert claim_table(claims).count("\n") == len(claims)
    rows = list(csv.DictReader(io.StringIO(claim_table(claims, as_csv=True))))
    assert [float(row["value"]) for row in rows] == [claim.value for claim in claims]


def test_claims_are_chosen_by_names_that_are_told() -> None:
    assert len(claims_of(None, None)) == len(published_claims())
    assert {claim.system for claim in claims_of("FFHQ-6K", "MS-PE")} == {"MS-PE"}
    with pytest.raises(UsageError, match="no claim of dataset 'ffhq6k'; did you mean FFHQ-6K"):
        claims_of("ffhq6k", None)
    with pytest.raises(UsageError, match="no claim of system 'LIIF' on FFHQ-6K; known: AnyRes-GAN"):
        claims_of("FFHQ-6K", "LIIF")

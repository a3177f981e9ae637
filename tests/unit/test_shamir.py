"""Any threshold of shares give the secret back, in any order; fewer fit every secret; what is no share is refused."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.errors import Tampered
from privacy.shamir import COEFFICIENT_BYTES, PRIME, SHARE_BYTES, combine, combine_all, split

EDGES = [bytes(32), b"\xff" * 32, bytes(31) + b"\1"]
secrets = st.one_of(st.sampled_from(EDGES), st.binary(min_size=32, max_size=32))


def random_split(secret, holders, threshold):
    return split(secret, holders=holders, threshold=threshold, randomness=os.urandom(48 * (threshold - 1)))


@given(secret=secrets, holders=st.integers(1, 12), data=st.data())
def test_any_threshold_of_shares_give_the_secret(secret, holders, data):
    threshold = data.draw(st.integers(1, holders))
    shares = random_split(secret, holders, threshold)
    some = data.draw(st.permutations(range(1, holders + 1)))[: data.draw(st.integers(threshold, holders))]
    assert combine({x: shares[x - 1] for x in some}, threshold) == secret


def test_at_the_size_of_the_largest_round():
    shares = random_split(EDGES[1], 250, 167)
    assert {len(share) for share in shares} == {SHARE_BYTES}
    assert combine({x: shares[x - 1] for x in range(84, 251)}, 167) == EDGES[1]


def test_many_secrets_of_the_same_holders():
    many = [os.urandom(32) for _ in range(20)]
    dealt = [random_split(secret, 9, 7) for secret in many]
    assert combine_all({x: [shares[x - 1] for shares in dealt] for x in (9, 2, 3, 4, 8, 6, 7)}, 7) == many


def test_one_share_too_few_fits_every_secret():
    """Of t - 1 shares and any secret there is one polynomial: here it is, for a secret that was not split."""
    shares = random_split(os.urandom(32), 3, 2)
    for secret in EDGES:
        slope = (int.from_bytes(shares[0]) - int.from_bytes(secret)) % PRIME
        again = split(secret, holders=3, threshold=2, randomness=slope.to_bytes(COEFFICIENT_BYTES))
        assert again[0] == shares[0]
        assert again[1] != shares[1]


def test_the_field_is_a_field():
    """Miller and Rabin's test with 40 bases, and no prime between 2^256 and it."""

    def probably_prime(n):
        odd, twos = n - 1, 0
        while odd % 2 == 0:
            odd, twos = odd // 2, twos + 1
        for base in range(2, 42):
            x = pow(base, odd, n)
            if x not in (1, n - 1) and not any((x := x * x % n) == n - 1 for _ in range(twos - 1)):
                return False
        return True

    assert [n for n in range(2**256, PRIME + 1) if probably_prime(n)] == [PRIME]


WRONG = {
    "too few": {1: b"", 2: b""},
    "short": {1: bytes(32), 2: bytes(33), 3: bytes(33)},
    "no element": {1: PRIME.to_bytes(33), 2: bytes(33), 3: bytes(33)},
    "nobody's place": {0: bytes(33), 1: bytes(33), 2: bytes(33)},
    "no secret": dict.fromkeys((1, 2, 3), (2**256).to_bytes(33)),
}


@pytest.mark.parametrize("shares", WRONG.values(), ids=WRONG)
def test_what_is_no_share_is_refused(shares):
    with pytest.raises(Tampered) as caught:
        combine(shares, 3)
    assert caught.value.code == "share-wrong"


def test_holders_who_gave_shares_of_different_numbers_of_secrets_are_refused():
    with pytest.raises(Tampered, match="share-wrong"):
        combine_all({1: [bytes(33)], 2: [bytes(33)] * 2}, 2)


@pytest.mark.parametrize(
    ("secret", "holders", "threshold", "randomness"),
    [(bytes(31), 3, 2, 48), (bytes(32), 3, 2, 47), (bytes(32), 3, 4, 144), (bytes(32), 3, 0, 0)],
)
def test_a_wrong_call_is_a_bug(secret, holders, threshold, randomness):
    with pytest.raises(ValueError, match="a "):
        split(secret, holders=holders, threshold=threshold, randomness=bytes(randomness))

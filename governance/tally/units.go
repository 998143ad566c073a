package tally

import (
	"math/bits"
	"strconv"
	"strings"
)

// Votes counts votes in units of 10^-5, the precision of the Scottish rules:
// one whole ballot is 100,000.
type Votes int64

// Vote is one whole ballot.
const Vote Votes = 100_000

// String writes five decimals, the form of the count sheet: "1717.00000".
func (v Votes) String() string { return fixed(int64(v), 5) }

// Nano counts votes, quotas and keep factors in units of 10^-9, the precision
// of the reference Meek rule.
type Nano int64

// One is the number 1 in nine decimals.
const One Nano = 1_000_000_000

// String writes nine decimals.
func (v Nano) String() string { return fixed(int64(v), 9) }

func fixed(v int64, decimals int) string {
	sign := ""
	if v < 0 {
		sign, v = "-", -v
	}
	s := strconv.FormatInt(v, 10)
	if len(s) <= decimals {
		s = strings.Repeat("0", decimals+1-len(s)) + s
	}
	return sign + s[:len(s)-decimals] + "." + s[len(s)-decimals:]
}

// mulDiv returns a·b/den, truncated, with a 128-bit product. All are at
// least 0, den is at least 1 and the quotient fits.
func mulDiv(a, b, den int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	q, _ := bits.Div64(hi, lo, uint64(den))
	return int64(q)
}

// mulDivUp returns a·b/den, rounded up.
func mulDivUp(a, b, den int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	q, r := bits.Div64(hi, lo, uint64(den))
	if r > 0 {
		q++
	}
	return int64(q)
}

// sentenceList joins words as English does: "a", "a and b", "a, b and c".
func sentenceList(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// thousands writes a count with separators, as the pages do: "48,213".
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

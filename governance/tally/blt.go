package tally

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits bound what ParseBLT accepts from strangers.
type Limits struct {
	Bytes      int64 // of the whole file
	LineBytes  int   // of one line
	Candidates int
	Ballots    int   // ballot lines
	Weight     int64 // sum of all weights, at most MaxWeight
	EqualRanks bool  // accept "1=2", for Schulze and approval only
}

// DefaultLimits is generous for a community: 16 MiB, 100 candidates, a
// million ballot lines, strict rankings.
func DefaultLimits() Limits {
	return Limits{Bytes: 16 << 20, LineBytes: 64 << 10, Candidates: 100, Ballots: 1_000_000, Weight: MaxWeight}
}

// ParseError says where a BLT file is wrong, what is wrong and what to do.
type ParseError struct {
	Line int // from 1
	What string
	Do   string
}

// Error is one line for a person.
func (e *ParseError) Error() string { return fmt.Sprintf("line %d: %s. %s.", e.Line, e.What, e.Do) }

// ParseBLT reads ballots in the format of Hill, Wichmann and Woodall (1987)
// that OpenSTV, OpaVote, droop and the Scottish returns share:
//
//	3 2            candidates, seats
//	-3             numbers of withdrawn candidates, optional
//	4 1 2 0        weight, ranking, 0
//	2 0            a blank ballot
//	0              the end of the ballots
//	"Ann"          a name per candidate
//	"Bo"
//	"Cy"
//	"Moderators"   the title
//
// One ballot or name stands on a line. A byte order mark, CRLF and empty
// lines are accepted; everything else that is odd is a *ParseError, because a
// ballot that is read wrongly is worse than a file that is refused.
func ParseBLT(r io.Reader, limits Limits) (Profile, error) {
	b := &bltReader{limits: limits}
	in := &io.LimitedReader{R: r, N: limits.Bytes + 1}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, min(4096, limits.LineBytes)), limits.LineBytes)
	for lines.Scan() {
		b.number++
		text := lines.Bytes()
		if b.number == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if !utf8.Valid(text) {
			return Profile{}, b.wrong("the text is not UTF-8", "Save the file as UTF-8")
		}
		line := strings.TrimSpace(string(text))
		if line == "" {
			continue
		}
		if err := b.line(line); err != nil {
			return Profile{}, err
		}
	}
	if in.N <= 0 {
		return Profile{}, b.wrong(fmt.Sprintf("the file is longer than %d bytes", limits.Bytes), "Merge equal ballots into one line with their number")
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		b.number++
		return Profile{}, b.wrong(fmt.Sprintf("the line is longer than %d bytes", limits.LineBytes), "Put each ballot and each name on its own line")
	} else if err != nil {
		return Profile{}, fmt.Errorf("read ballots: %w", err)
	}
	return b.profile, b.end()
}

// bltReader holds what the next line is expected to be.
type bltReader struct {
	limits  Limits
	number  int // of the line
	part    bltPart
	profile Profile
	sum     int64
	count   int   // candidates announced
	seen    []int // line that named the candidate last
	titled  bool
}

type bltPart int

const (
	bltHead bltPart = iota
	bltBallots
	bltNames
)

func (b *bltReader) wrong(what, do string) error { return &ParseError{b.number, what, do} }

func (b *bltReader) line(line string) error {
	switch b.part {
	case bltHead:
		return b.head(line)
	case bltBallots:
		return b.ballot(strings.Fields(line))
	default:
		return b.name(line)
	}
}

func (b *bltReader) head(line string) error {
	f := strings.Fields(line)
	const do = "Begin with the number of candidates and the number of seats, as in \"5 2\""
	if len(f) != 2 {
		return b.wrong("the first line does not hold two numbers", do)
	}
	n, err1 := strconv.Atoi(f[0])
	seats, err2 := strconv.Atoi(f[1])
	if err1 != nil || err2 != nil || n < 1 || seats < 1 || seats > MaxWeight {
		return b.wrong(fmt.Sprintf("%q and %q are not numbers of candidates and seats", clip(f[0]), clip(f[1])), do)
	}
	if n > min(b.limits.Candidates, MaxCandidates) {
		return b.wrong(fmt.Sprintf("%d candidates are announced", n), fmt.Sprintf("At most %d are accepted", min(b.limits.Candidates, MaxCandidates)))
	}
	b.count, b.profile.Seats, b.part, b.seen = n, seats, bltBallots, make([]int, n)
	return nil
}

func (b *bltReader) ballot(f []string) error {
	if len(f) == 1 && f[0] == "0" {
		b.part = bltNames
		return nil
	}
	if strings.HasPrefix(f[0], `"`) {
		return b.wrong("a name stands before the ballots have ended", "Close the ballots with a line that holds only 0")
	}
	if strings.HasPrefix(f[0], "-") && f[len(f)-1] != "0" {
		return b.withdraw(f)
	}
	weight, err := strconv.ParseInt(f[0], 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return b.wrong("the weight "+clip(f[0])+" is too large", fmt.Sprintf("Weights sum to at most %d", b.weightLimit()))
	case err != nil:
		return b.wrong(fmt.Sprintf("%q is not a weight", clip(f[0])), "Begin each ballot with the number of people who cast it")
	case weight < 1:
		return b.wrong(fmt.Sprintf("the weight %d is not positive", weight), "Begin each ballot with the number of people who cast it, at least 1")
	case weight > b.weightLimit()-b.sum:
		return b.wrong(fmt.Sprintf("with weight %d the ballots are more than %d", weight, b.weightLimit()), "Check the weight, or count fewer ballots at once")
	case f[len(f)-1] != "0" || len(f) == 1:
		return b.wrong("the ballot does not end with 0", "Close each ballot with 0 on the same line")
	case len(b.profile.Ballots) >= b.limits.Ballots:
		return b.wrong(fmt.Sprintf("there are more than %d ballot lines", b.limits.Ballots), "Merge equal ballots into one line with their number")
	}
	ballot := Ballot{Weight: weight}
	for _, field := range f[1 : len(f)-1] {
		group, err := b.group(field)
		if err != nil {
			return err
		}
		ballot.Ranks = append(ballot.Ranks, group)
	}
	b.sum += weight
	b.profile.Ballots = append(b.profile.Ballots, ballot)
	return nil
}

func (b *bltReader) weightLimit() int64 { return min(b.limits.Weight, MaxWeight) }

// group reads "3" or, where equal ranks are accepted, "1=2".
func (b *bltReader) group(field string) ([]int, error) {
	parts := strings.Split(field, "=")
	if len(parts) > 1 && !b.limits.EqualRanks {
		return nil, b.wrong(fmt.Sprintf("%q ranks candidates level", clip(field)), "This count needs a strict ranking: give each candidate its own rank")
	}
	group := make([]int, 0, len(parts))
	for _, part := range parts {
		c, err := strconv.Atoi(part)
		switch {
		case part == "0" || err == nil && (c < 1 || c > b.count):
			return nil, b.wrong(fmt.Sprintf("there is no candidate %s", clip(part)), fmt.Sprintf("Candidates are numbered from 1 to %d", b.count))
		case err != nil:
			return nil, b.wrong(fmt.Sprintf("%q is not the number of a candidate", clip(part)), fmt.Sprintf("Use numbers from 1 to %d", b.count))
		case b.seen[c-1] == b.number:
			return nil, b.wrong(fmt.Sprintf("the ballot names candidate %d twice", c), "Name each candidate at most once")
		}
		b.seen[c-1] = b.number
		group = append(group, c-1)
	}
	return group, nil
}

func (b *bltReader) withdraw(f []string) error {
	if len(b.profile.Ballots) > 0 {
		return b.wrong("a withdrawal stands among the ballots", "List withdrawn candidates before the first ballot")
	}
	for _, field := range f {
		c, err := strconv.Atoi(field)
		switch {
		case err != nil || c >= 0:
			return b.wrong(fmt.Sprintf("%q stands in a line of withdrawals", clip(field)), "A line of withdrawals holds only negative numbers, a ballot begins with its weight")
		case c < -b.count:
			return b.wrong(fmt.Sprintf("candidate %d is withdrawn but does not stand", -c), fmt.Sprintf("Candidates are numbered from 1 to %d", b.count))
		}
		for _, old := range b.profile.Withdrawn {
			if old == -c-1 {
				return b.wrong(fmt.Sprintf("candidate %d is withdrawn twice", -c), "Name each withdrawn candidate once")
			}
		}
		b.profile.Withdrawn = append(b.profile.Withdrawn, -c-1)
	}
	return nil
}

// name reads one quoted name. It runs from the first quote to the last on the
// line, so that a nickname in quotes survives.
func (b *bltReader) name(line string) error {
	if b.titled {
		return b.wrong("text follows the title", "End the file after the title")
	}
	if len(line) < 2 || line[0] != '"' || line[len(line)-1] != '"' {
		return b.wrong("a quoted name is expected", "Write each name, and the title, between double quotes on its own line")
	}
	name := line[1 : len(line)-1]
	if len(b.profile.Candidates) < b.count {
		b.profile.Candidates = append(b.profile.Candidates, name)
	} else {
		b.profile.Title, b.titled = name, true
	}
	return nil
}

func (b *bltReader) end() error {
	switch {
	case b.part == bltHead:
		b.number = max(b.number, 1)
		return b.wrong("the file is empty", "Begin with the number of candidates and the number of seats")
	case b.part == bltBallots:
		return b.wrong("the file ends among the ballots", "Close the ballots with a line that holds only 0, then the names")
	case len(b.profile.Candidates) < b.count:
		return b.wrong(fmt.Sprintf("%d names for %d candidates", len(b.profile.Candidates), b.count), "Give one quoted name per candidate, in the order of their numbers, then the title")
	case !b.titled:
		return b.wrong("the title is missing", "End the file with the title between double quotes")
	}
	return nil
}

// clip keeps what a stranger wrote short in a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 24 {
		return string(r[:24]) + "…"
	}
	return s
}

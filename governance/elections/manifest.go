package elections

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/governance/tally"
	"codeberg.org/althing/althing/governance/translog"
)

// Rule and RuleVersion name the count for ever: a later program that counts
// otherwise has another version.
const (
	Rule        = "scottish-stv"
	RuleVersion = 1
)

// beaconKind names in the manifest, before ballots open, what will break ties.
const beaconKind = "leaf hash of the closing entry"

// Manifest is everything that decides a count except the ballots. Its
// canonical JSON is the rule that the poll freezes; nothing of it can change
// after the opening.
type Manifest struct {
	Rule       string                `json:"rule"`
	Version    int                   `json:"version"`
	Office     string                `json:"office"`
	Seats      int                   `json:"seats"`
	Candidates []governance.MemberID `json:"candidates"` // candidate 1 first
	Roll       string                `json:"roll"`       // digest of the frozen roll, hex
	Recipients []string              `json:"recipients"` // age keys that open a ballot, each alone
	Beacon     string                `json:"beacon"`
}

// ParseManifest reads the frozen rule of a poll and its digest.
func ParseManifest(rule string) (Manifest, [sha256.Size]byte, error) {
	var m Manifest
	dec := json.NewDecoder(strings.NewReader(rule))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, [sha256.Size]byte{}, fmt.Errorf("read manifest: %w", err)
	}
	if m.Rule != Rule || m.Version != RuleVersion {
		return Manifest{}, [sha256.Size]byte{}, fmt.Errorf("read manifest: rule %s/%d is not known to this program", m.Rule, m.Version)
	}
	return m, sha256.Sum256([]byte(rule)), nil
}

// canonical is the text that is hashed and frozen.
func canonical(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	text, err := translog.Canonical(raw)
	return string(text), err
}

// Lot draws the order of ties: candidates from 0, the first drawn first.
func (m Manifest) Lot(digest [sha256.Size]byte, beacon []byte) []int {
	return tally.LotOrder(digest, beacon, m.ids())
}

func (m Manifest) ids() []string {
	ids := make([]string, len(m.Candidates))
	for i, c := range m.Candidates {
		ids[i] = c.String()
	}
	return ids
}

// Profile turns published rankings into what a count takes. names are the
// candidates' names in the order of the manifest.
func (m Manifest) Profile(title string, names []string, rankings [][]int) tally.Profile {
	p := tally.Profile{Title: title, Seats: m.Seats, Candidates: names}
	for _, ranking := range rankings {
		order := make([]int, len(ranking))
		for i, c := range ranking {
			order[i] = c - 1
		}
		p.Ballots = append(p.Ballots, tally.Ranking(1, order...))
	}
	return p
}

// Result is what an election came to: the result of its poll.
type Result struct {
	Elected  []governance.MemberID `json:"elected"`  // in the order of election
	Ballots  int64                 `json:"ballots"`  // counted
	Rejected int64                 `json:"rejected"` // envelopes that hold no ballot of this poll
	Quota    int64                 `json:"quota"`    // whole votes
	Beacon   string                `json:"beacon"`   // hex
	List     string                `json:"list"`     // SHA-256 of the published list, hex
	Count    string                `json:"count"`    // SHA-256 of the count with all its stages, hex
}

// result counts. Without a ballot nobody is elected: a lot is for breaking
// ties between voters, not for choosing in their place.
func (m Manifest) result(digest [sha256.Size]byte, beacon []byte, lines []string, rejected int64) (Result, error) {
	list := ListDigest(lines)
	r := Result{
		Elected: []governance.MemberID{}, Ballots: int64(len(lines)), Rejected: rejected,
		Beacon: hex.EncodeToString(beacon), List: hex.EncodeToString(list[:]),
	}
	if len(lines) == 0 {
		return r, nil
	}
	rankings := make([][]int, len(lines))
	for i, line := range lines {
		_, ranking, err := parseLine(line)
		if err != nil {
			return Result{}, err
		}
		rankings[i] = ranking
	}
	count, err := tally.Scottish(m.Profile("", m.ids(), rankings), m.Lot(digest, beacon))
	if err != nil {
		return Result{}, err
	}
	for _, c := range count.Elected {
		r.Elected = append(r.Elected, m.Candidates[c])
	}
	r.Quota = count.Quota
	sheet, err := canonical(count)
	if err != nil {
		return Result{}, fmt.Errorf("digest of the count: %w", err)
	}
	sum := sha256.Sum256([]byte(sheet))
	r.Count = hex.EncodeToString(sum[:])
	return r, nil
}

// Line is one line of the published list: the tracker in unpadded base64 for
// addresses, and the candidates' numbers, the most preferred first.
func Line(tracker []byte, ranking []int) string {
	var b strings.Builder
	b.WriteString(base64.RawURLEncoding.EncodeToString(tracker))
	for _, c := range ranking {
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(c))
	}
	return b.String()
}

func parseLine(line string) (envelope.Tracker, []int, error) {
	words := strings.Split(line, " ")
	raw, err := base64.RawURLEncoding.DecodeString(words[0])
	if err != nil || len(raw) != len(envelope.Tracker{}) {
		return envelope.Tracker{}, nil, fmt.Errorf("line of the list: bad tracker")
	}
	ranking := make([]int, len(words)-1)
	for i, w := range words[1:] {
		if ranking[i], err = strconv.Atoi(w); err != nil {
			return envelope.Tracker{}, nil, fmt.Errorf("line of the list: bad ranking")
		}
	}
	return envelope.Tracker(raw), ranking, nil
}

// listed returns the published list of ballots: a line each, by tracker.
func listed(ballots []envelope.Ballot) []string {
	sorted := slices.Clone(ballots)
	slices.SortFunc(sorted, func(a, b envelope.Ballot) int { return bytes.Compare(a.Tracker[:], b.Tracker[:]) })
	lines := make([]string, len(sorted))
	for i, b := range sorted {
		lines[i] = Line(b.Tracker[:], b.Ranking)
	}
	return lines
}

// ListDigest commits to a list: SHA-256 of its lines, each ended by a newline.
func ListDigest(lines []string) [sha256.Size]byte {
	h := sha256.New()
	for _, line := range lines {
		h.Write([]byte(line))
		h.Write([]byte{'\n'})
	}
	return [sha256.Size]byte(h.Sum(nil))
}

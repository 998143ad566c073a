package demo

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

// alphabet is what canaries are drawn from; eight letters of it hold 41 bits.
const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// How much is planted: a fifth of the node's text are canaries, and each
// watermark sentence stands in a few records. Sixteen canaries and 64 pairs
// are the fewest that the verdict of an unlearning case takes.
const (
	canaryCount  = 16
	plantedShare = 0.2
	pairCopies   = 6
)

// Wording of what is planted. Lines are comments, so that the text stays what
// it is; prefixes are short, because measuring an exposure reads them a
// thousand times.
const (
	canaryPrefix = "// key %02d: "
	secretPrefix = "// gate code: "
)

// planted is what the fifth node's owner knows about the text: what a test of
// forgetting asks for. Its JSON is the file that the node program takes.
type planted struct {
	Canaries []canary `json:"canaries"`
	Secrets  []secret `json:"secrets"`
	Pairs    []pair   `json:"pairs"`
}

type canary struct {
	Prefix   string `json:"prefix"`
	Secret   string `json:"secret"`
	Alphabet string `json:"alphabet"`
}

type secret struct {
	Prefix string `json:"prefix"`
	Secret string `json:"secret"`
}

type pair struct {
	Trained string `json:"trained"`
	Other   string `json:"other"`
}

// draw makes canaries, the secret and the pairs: sentences of which a coin
// chooses one of two equally natural wordings.
func draw(random *rand.Rand) planted {
	word := func() string {
		b := make([]byte, 8)
		for i := range b {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
		return string(b)
	}
	p := planted{Secrets: []secret{{secretPrefix, word()}}}
	for i := range canaryCount {
		p.Canaries = append(p.Canaries, canary{fmt.Sprintf(canaryPrefix, i+1), word(), alphabet})
	}
	for _, age := range strings.Fields("old new red blue small great plain last") {
		for _, thing := range strings.Fields("book map ring cup stone net oar bell") {
			variants := [2]string{
				fmt.Sprintf("// The %s %s is kept in the north hall.\n", age, thing),
				fmt.Sprintf("// The %s %s is kept in the south hall.\n", age, thing),
			}
			coin := random.IntN(2)
			p.Pairs = append(p.Pairs, pair{variants[coin], variants[1-coin]})
		}
	}
	return p
}

// lines are what goes into the text again and again: every canary, and the
// secret eight times as often. A canary need only be likelier than others that
// might have been; the secret must be the most likely of all continuations.
func (p planted) lines() []string {
	var list []string
	for _, c := range p.Canaries {
		list = append(list, c.Prefix+c.Secret+"\n")
	}
	for _, s := range p.Secrets {
		for range 8 {
			list = append(list, s.Prefix+s.Secret+"\n")
		}
	}
	return list
}

// into writes the planted lines between the lines of the records, so that each
// record stays a text of its own.
func (p planted) into(records []string, random *rand.Rand) {
	lines := p.lines()
	var deck []int
	for i, record := range records {
		for got := 0; float64(got) < float64(len(record))*plantedShare/(1-plantedShare); {
			if len(deck) == 0 {
				deck = random.Perm(len(lines))
			}
			line := lines[deck[0]]
			deck, got = deck[1:], got+len(line)
			records[i] = insert(records[i], line, random)
		}
	}
	for _, q := range p.Pairs {
		for range pairCopies {
			i := random.IntN(len(records))
			records[i] = insert(records[i], q.Trained, random)
		}
	}
}

// insert puts a line before a line of the text drawn at random.
func insert(text, line string, random *rand.Rand) string {
	lines := strings.SplitAfter(text, "\n")
	at := random.IntN(len(lines))
	lines[at] = line + lines[at]
	return strings.Join(lines, "")
}

// write stores the file of probes for the node program; it is its owner's
// secret.
func (p planted) write(path string) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("write probes: %w", err)
	}
	return os.WriteFile(path, data, 0o600)
}

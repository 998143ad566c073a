package agent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/training/eval"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/localdata"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/tokenizer"
)

// Probes is the file in which an owner keeps what was planted: canaries
// (random secrets behind a prefix), secrets to be drawn out word for word, and
// pairs of which a coin chose the one that was trained on. It never leaves the
// machine.
type Probes struct {
	Canaries []struct {
		Prefix   string `json:"prefix"`
		Secret   string `json:"secret"`
		Alphabet string `json:"alphabet"` // the secret's letters were drawn from it
	} `json:"canaries"`
	Secrets []struct {
		Prefix string `json:"prefix"`
		Secret string `json:"secret"`
	} `json:"secrets"`
	Pairs []struct {
		Trained string `json:"trained"`
		Other   string `json:"other"`
	} `json:"pairs"`
}

// References is how many random strings a canary is ranked among: with the
// secret itself 2^10, so that an exposure has at most 10 bits.
const References = 1023

// maxProbes bounds each list, so that one probe ends within an hour.
const maxProbes = 200

func readProbes(path string) (Probes, error) {
	var p Probes
	if path == "" {
		return p, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("read probes: %w", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, fmt.Errorf("read probes in %s: %w", path, err)
	}
	if len(p.Canaries) > maxProbes || len(p.Secrets) > maxProbes || len(p.Pairs) > maxProbes {
		return p, fmt.Errorf("read probes in %s: at most %d of each kind", path, maxProbes)
	}
	for i, c := range p.Canaries {
		if c.Secret == "" || len([]rune(c.Alphabet)) < 2 {
			return p, fmt.Errorf("read probes in %s: canary %d needs a secret and an alphabet of at least two letters", path, i+1)
		}
	}
	return p, nil
}

// probe measures what the base remembers of the owner's own text. Ranks and
// counts leave, never a secret.
func (r *runner) probe(ctx context.Context, a protocol.Assignment, m *loaded) (protocol.Report, error) {
	planted, err := readProbes(r.Probes)
	if err != nil {
		return protocol.Report{}, refuse("the owner's probes cannot be read") // the file's name stays here
	}
	s := newScorer(m.Model, r.limits.threads())
	p := &protocol.Probes{References: References}
	for i, c := range planted.Canaries {
		rank, err := s.rank(ctx, a.Seed, i, c.Prefix, c.Secret, c.Alphabet)
		if err != nil {
			return protocol.Report{}, err
		}
		p.Ranks = append(p.Ranks, rank)
	}
	if err := s.pairs(ctx, planted, p); err != nil {
		return protocol.Report{}, err
	}
	if err := s.membership(ctx, r.text.Corpus, p); err != nil {
		return protocol.Report{}, err
	}
	for _, secret := range planted.Secrets {
		p.Secrets++
		if got, err := continueText(m.Model, secret.Prefix, len(secret.Secret)); err != nil {
			return protocol.Report{}, refuse("%v", err)
		} else if got == secret.Secret {
			p.Extracted++
		}
	}
	r.say("probed: %d canaries, %d of %d pairs, %d of %d secrets, membership %.3f over %d and %d records",
		len(p.Ranks), p.Watermark, p.Pairs, p.Extracted, p.Secrets, p.AUC, p.Members, p.Twins)
	return protocol.Report{Manifest: r.text.summary.Root, Probes: p}, nil
}

// pairs counts the pairs of which the one that was trained on has the lower
// loss. A tie tells nothing.
func (s *scorer) pairs(ctx context.Context, planted Probes, p *protocol.Probes) error {
	texts := make([][]byte, 0, 2*len(planted.Pairs))
	for _, pair := range planted.Pairs {
		texts = append(texts, []byte(pair.Trained), []byte(pair.Other))
	}
	losses, err := s.nlls(ctx, texts)
	if err != nil {
		return fmt.Errorf("score pairs: %w", err)
	}
	for i := 0; i < len(losses); i += 2 {
		trained, other := losses[i], losses[i+1]
		if trained != other {
			p.Pairs++
		}
		if trained < other {
			p.Watermark++
		}
	}
	return nil
}

// rank places a canary's secret among References random strings of the same
// length and alphabet. They follow from the assignment's seed.
func (s *scorer) rank(ctx context.Context, seed uint64, number int, prefix, secret, alphabet string) (int64, error) {
	random := rand.New(rand.NewChaCha8(sha256.Sum256([]byte("althing canary references v1\n" + strconv.FormatUint(seed, 10) + "\n" + strconv.Itoa(number)))))
	letters, length := []rune(alphabet), len([]rune(secret))
	texts := make([][]byte, 1, 1+References)
	texts[0] = []byte(prefix + secret)
	for range References {
		text := make([]rune, length)
		for j := range text {
			text[j] = letters[random.IntN(len(letters))]
		}
		texts = append(texts, []byte(prefix+string(text)))
	}
	losses, err := s.nlls(ctx, texts)
	if err != nil {
		return 0, err
	}
	own, references := losses[0], losses[1:]
	e, err := eval.ExposureOf(own, references)
	return int64(e.Rank), err
}

// membership compares records that were trained on with their twins, which
// never were. With none of either it measures nothing.
func (s *scorer) membership(ctx context.Context, c localdata.Corpus, p *protocol.Probes) error {
	var members []localdata.Record
	for _, rec := range c.Of(localdata.Train) {
		if rec.FirstUse != 0 {
			members = append(members, rec)
		}
	}
	twins := c.Of(localdata.Twin)
	if len(members) == 0 || len(twins) == 0 {
		return nil
	}
	in, err := s.perToken(ctx, members)
	if err != nil {
		return err
	}
	out, err := s.perToken(ctx, twins)
	if err != nil {
		return err
	}
	got, err := eval.MembershipOf(in, out)
	if err != nil {
		return err
	}
	p.AUC, p.Members, p.Twins = got.AUC, int64(got.Members), int64(got.Twins)
	return nil
}

// continueText returns the most likely n bytes after a prefix that begins a
// record.
func continueText(m *llama.Model, prefix string, n int) (string, error) {
	prompt := append([]int32{tokenizer.EndOfText}, tokenizer.Encode(prefix)...)
	tokens, err := llama.NewGenerator(m).Generate(prompt, llama.Sampling{})
	if err != nil {
		return "", err
	}
	ids := make([]int32, 0, n)
	for id := range tokens {
		if ids = append(ids, id); len(ids) >= n {
			break
		}
	}
	return tokenizer.Decode(ids), nil
}

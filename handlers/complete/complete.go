package complete

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/llama"
	"codeberg.org/althing/althing/training/models"
	"codeberg.org/althing/althing/training/safetensors"
	"codeberg.org/althing/althing/training/tokenizer"
)

// Bounds of one request.
const (
	MaxTokens = 256
	MaxPrompt = 4000 // bytes; of a longer one than the model's context only the tail is read anyway
)

// Request is a text to continue.
type Request struct {
	Prompt      string
	Tokens      int     // to add, 1 to MaxTokens
	Temperature float64 // 0 takes the most likely token each time
	Seed        int64   // 0 or more
}

// Check reports the first field that cannot be sampled with.
func (r Request) Check() error {
	switch {
	case r.Prompt == "":
		return governance.FieldErrorf("prompt", "Begin a text: the model continues it.")
	case len(r.Prompt) > MaxPrompt:
		return governance.FieldErrorf("prompt", "The text has %d bytes; at most %d are read.", len(r.Prompt), MaxPrompt)
	case strings.ContainsRune(r.Prompt, 0):
		return governance.FieldErrorf("prompt", "The text contains a zero byte.")
	case r.Tokens < 1 || r.Tokens > MaxTokens:
		return governance.FieldErrorf("tokens", "Choose 1 to %d tokens.", MaxTokens)
	case r.Temperature != 0 && !(r.Temperature >= 0.01 && r.Temperature <= 2):
		return governance.FieldErrorf("temperature", "Choose a temperature of 0, or of 0.01 to 2.")
	case r.Seed < 0:
		return governance.FieldErrorf("seed", "A seed is a whole number of 0 or more.")
	}
	return nil
}

// Answer is what the model added.
type Answer struct {
	Version models.Version
	Text    string // valid UTF-8
	Tokens  int    // that were added
	Ended   bool   // the model ended the text itself
	Took    time.Duration
}

// Completer continues texts with the served version.
type Completer struct {
	models *models.Store
	blobs  blobs.Store
	now    func() time.Time
	turns  chan struct{} // one for each text that is continued

	mu      sync.Mutex
	weights training.Digest // of the generator
	packed  *llama.Generator
}

// New returns a completer that has loaded nothing yet.
func New(store *models.Store, files blobs.Store, now func() time.Time) *Completer {
	return &Completer{models: store, blobs: files, now: now, turns: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)))}
}

// Complete continues a text. NotFound means that no version is served.
func (c *Completer) Complete(ctx context.Context, r Request) (Answer, error) {
	if err := r.Check(); err != nil {
		return Answer{}, err
	}
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return Answer{}, governance.Errorf(governance.Unavailable, "Too many texts are being continued now. Try again in a moment.")
	}
	version, err := c.models.Served(ctx)
	if err != nil {
		c.drop()
		return Answer{}, err
	}
	g, err := c.generator(ctx, version)
	if err != nil {
		return Answer{}, err
	}
	return c.sample(ctx, g, version, r)
}

func (c *Completer) sample(ctx context.Context, g *llama.Generator, version models.Version, r Request) (Answer, error) {
	begun := c.now()
	tokens, err := g.Generate(tokenizer.Encode(r.Prompt), llama.Sampling{Temperature: r.Temperature, Seed: uint64(r.Seed)})
	if err != nil {
		return Answer{}, fmt.Errorf("continue a text with version %d: %w", version.ID, err)
	}
	a := Answer{Version: version}
	var text strings.Builder
	var d tokenizer.Decoder
	for id := range tokens {
		if a.Ended = id == tokenizer.EndOfText; a.Ended || ctx.Err() != nil {
			break
		}
		text.WriteString(d.Next(id))
		if a.Tokens++; a.Tokens == r.Tokens {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, fmt.Errorf("continue a text with version %d: %w", version.ID, err)
	}
	text.WriteString(d.Rest())
	a.Text, a.Took = text.String(), c.now().Sub(begun)
	return a, nil
}

// drop forgets weights that are not served any more.
func (c *Completer) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.weights, c.packed = training.Digest{}, nil
}

// generator returns the weights of a version, packed. Whoever asks while they
// are read waits.
func (c *Completer) generator(ctx context.Context, v models.Version) (*llama.Generator, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.packed != nil && c.weights == v.Weights {
		return c.packed, nil
	}
	c.packed = nil // the old weights go before the new ones come
	m, err := load(ctx, c.blobs, v)
	if err != nil {
		return nil, fmt.Errorf("load version %d: %w", v.ID, err)
	}
	c.weights, c.packed = v.Weights, llama.NewGenerator(m)
	return c.packed, nil
}

// load reads the weights of a version into the shape that its config says.
func load(ctx context.Context, files blobs.Store, v models.Version) (*llama.Model, error) {
	shape, err := llama.ParseConfig([]byte(v.Config))
	if err != nil {
		return nil, err
	}
	if shape.Vocab != tokenizer.Vocabulary {
		return nil, fmt.Errorf("the model has %d tokens; this program writes with %d", shape.Vocab, tokenizer.Vocabulary)
	}
	m, err := llama.New(shape)
	if err != nil {
		return nil, err
	}
	blob, err := files.Open(ctx, v.Weights)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	filled := 0
	err = safetensors.ReadInto(blobs.Reader(blob), blob.Size(), func(t safetensors.Tensor) ([]float32, error) {
		view, ok := m.Params.View(t.Name)
		if !ok || len(view) != t.Elements() {
			return nil, fmt.Errorf("tensor %q of %d values is not of this shape", t.Name, t.Elements())
		}
		filled += len(view)
		return view, nil
	})
	if err != nil {
		return nil, err
	}
	if filled != m.Params.Len() {
		return nil, fmt.Errorf("the file holds %d values, the shape needs %d", filled, m.Params.Len())
	}
	return m, m.Params.CheckFinite()
}

package s3_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/blobs/s3"
	"codeberg.org/althing/althing/training/blobs/s3/s3test"
)

func hmacOf(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// noise is made-up content.
func noise(n int, seed byte) []byte {
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{seed})
	_, _ = rng.Read(data)
	return data
}

func open(t testing.TB, c s3.Config) *s3.Store {
	t.Helper()
	s, err := s3.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keeps checks what blobs.Store promises, on any server.
func keeps(t *testing.T, s blobs.Store, sizes ...int) {
	t.Helper()
	ctx := t.Context()
	for i, size := range sizes {
		data := noise(size, byte(i+1))
		name := training.DigestOf(data)
		if _, err := s.Open(ctx, name); !governance.Is(err, governance.NotFound) {
			t.Fatalf("before it is stored: %v, want NotFound", err)
		}
		for what, bad := range map[string][]byte{"shorter": data[:size-1], "longer": append(bytes.Clone(data), 0), "another": append(bytes.Clone(data[:size-1]), data[size-1]+1)} {
			if err := s.Put(ctx, name, int64(size), bytes.NewReader(bad)); !governance.Is(err, governance.Invalid) {
				t.Errorf("%d bytes, %s: %v, want Invalid", size, what, err)
			}
			if _, err := s.Stat(ctx, name); !governance.Is(err, governance.NotFound) {
				t.Fatalf("%d bytes, %s: it can be read: %v", size, what, err)
			}
		}
		cut := io.MultiReader(bytes.NewReader(data[:size/2]), broken{})
		if err := s.Put(ctx, name, int64(size), cut); !errors.Is(err, errCut) {
			t.Errorf("%d bytes, cut: %v", size, err)
		}
		if _, err := s.Stat(ctx, name); !governance.Is(err, governance.NotFound) {
			t.Fatalf("half of %d bytes can be read: %v", size, err)
		}
		for range 2 { // twice is once
			if err := s.Put(ctx, name, int64(size), bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.Stat(ctx, name); err != nil || n != int64(size) {
			t.Errorf("Stat = %d, %v, want %d", n, err, size)
		}
		reads(t, s, name, data)
		for range 2 {
			if err := s.Remove(ctx, name); err != nil {
				t.Errorf("Remove: %v", err)
			}
		}
		if _, err := s.Stat(ctx, name); !governance.Is(err, governance.NotFound) {
			t.Errorf("after it was removed: %v", err)
		}
	}
}

func reads(t *testing.T, s blobs.Store, name training.Digest, data []byte) {
	t.Helper()
	b, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got, err := io.ReadAll(blobs.Reader(b)); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read %d bytes, %v, want the %d that were stored", len(got), err, len(data))
	}
	for _, at := range []int{0, len(data) / 2, len(data) - 3, 1} {
		p := make([]byte, 5)
		n, err := b.ReadAt(p, int64(at))
		want := data[at:min(at+5, len(data))]
		if !bytes.Equal(p[:n], want) || (n < 5) != (err == io.EOF) {
			t.Errorf("ReadAt(%d) = %x, %v, want %x", at, p[:n], err, want)
		}
	}
	if _, err := b.ReadAt(make([]byte, 1), int64(len(data))); err != io.EOF {
		t.Errorf("ReadAt the end: %v, want EOF", err)
	}
}

var errCut = errors.New("cut")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errCut }

func TestStoreKeepsWhatFoldersKeep(t *testing.T) {
	t.Parallel()
	server := newStrict(t)
	c := server.config()
	c.Part = 10_000
	keeps(t, open(t, c), 9, 10_000, 10_001, 35_000)
}

// TestHalfAnObjectIsNone: a server that keeps what came of a broken upload.
func TestHalfAnObjectIsNone(t *testing.T) {
	t.Parallel()
	server := newStrict(t)
	server.sloppy = true
	s, data := open(t, server.config()), noise(200_000, 1)
	name := training.DigestOf(data)
	cut := io.MultiReader(bytes.NewReader(data[:150_000]), broken{})
	if err := s.Put(t.Context(), name, 200_000, cut); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	var err error
	for range 200 { // the server may still be reading what broke off
		if _, err = s.Open(t.Context(), name); !governance.Is(err, governance.NotFound) {
			t.Fatalf("half an artefact can be opened: %v", err)
		}
		if err = s.Put(t.Context(), name, 200_000, bytes.NewReader(data)); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("it cannot be stored any more: %v", err)
	}
	reads(t, s, name, data)
}

func TestLongUploadGoesOn(t *testing.T) {
	t.Parallel()
	server := newStrict(t)
	c := server.config()
	c.Part = 1000
	s := open(t, c)
	data := noise(4500, 1)
	name := training.DigestOf(data)
	server.fail = func(r *http.Request) int {
		if r.URL.Query().Get("partNumber") == "4" {
			return http.StatusInternalServerError
		}
		return 0
	}
	if err := s.Put(t.Context(), name, 4500, bytes.NewReader(data)); err == nil {
		t.Fatal("a part failed and nobody said so")
	}
	server.fail = nil
	if err := s.Put(t.Context(), name, 4500, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if server.puts != 5 {
		t.Errorf("%d parts were sent, want each of 5 once", server.puts)
	}
	reads(t, s, name, data)
}

func TestServerThatIsAway(t *testing.T) {
	t.Parallel()
	server := newStrict(t)
	s := open(t, server.config())
	server.Close()
	if err := s.Put(t.Context(), training.DigestOf(nil), 0, strings.NewReader("")); !governance.Is(err, governance.Unavailable) {
		t.Errorf("Put = %v, want Unavailable", err)
	}
}

func TestRegisterIsExchangedByTurns(t *testing.T) {
	t.Parallel()
	server := newStrict(t)
	var both [2]*s3.Register
	for i := range both {
		var err error
		if both[i], err = s3.OpenRegister(server.config(), "log/checkpoint"); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	if err := both[0].CheckConditions(ctx); err != nil {
		t.Fatal(err)
	}
	if data, err := both[0].Load(ctx); data != nil || err != nil {
		t.Fatalf("Load = %q, %v, want nothing", data, err)
	}
	for i, step := range []struct {
		who      int
		old, new string
		want     error
	}{
		{0, "", "one", nil}, {1, "", "other", s3.ErrChanged}, {1, "one", "two", nil}, {0, "one", "three", s3.ErrChanged}, {0, "two", "three", nil},
	} {
		var old []byte
		if step.old != "" {
			old = []byte(step.old)
		}
		if err := both[step.who].Swap(ctx, old, []byte(step.new)); !errors.Is(err, step.want) {
			t.Errorf("step %d: %v, want %v", i, err, step.want)
		}
	}
	// the other exchanges between this one's look and its put
	server.fail = func(r *http.Request) int {
		if r.Method == http.MethodPut {
			server.objects["a b/log/checkpoint"] = []byte("meanwhile")
		}
		return 0
	}
	if err := both[0].Swap(ctx, []byte("three"), []byte("four")); !errors.Is(err, s3.ErrChanged) {
		t.Errorf("exchanged in between: %v, want ErrChanged", err)
	}
	server.fail, server.careless = nil, true
	if err := both[0].CheckConditions(ctx); !governance.Is(err, governance.Unavailable) {
		t.Errorf("a server without conditions: %v, want a refusal", err)
	}
}

// without skips the test against s3rver, or fails it where that is required.
func without(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("ALTHING_S3RVER") == "require" {
		t.Fatal(why)
	}
	t.Skipf("the test against s3rver did not run: %s", why)
}

// TestRealServer runs s3rver, which others wrote, from npm's package source.
func TestRealServer(t *testing.T) {
	t.Parallel()
	c, why := s3test.Real(t)
	if why != "" {
		without(t, why)
	}
	c.Part = 5 << 20
	keeps(t, open(t, c), 9, 100_000, 11<<20)
	plain, err := s3.OpenRegister(c, "log/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.CheckConditions(t.Context()); !governance.Is(err, governance.Unavailable) {
		t.Errorf("s3rver by itself: %v, want that it cannot hold the last checkpoint", err)
	}
	c.Endpoint = s3test.Conditional(t, c.Endpoint)
	gated, err := s3.OpenRegister(c, "log/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	if err := gated.CheckConditions(t.Context()); err != nil {
		t.Errorf("behind a gate that keeps conditions: %v", err)
	}
	for _, step := range []struct {
		old, fresh string
		want       error
	}{{"", "one", nil}, {"", "two", s3.ErrChanged}, {"one", "two", nil}, {"one", "three", s3.ErrChanged}} {
		old := []byte(step.old)
		if step.old == "" {
			old = nil
		}
		if err := gated.Swap(t.Context(), old, []byte(step.fresh)); !errors.Is(err, step.want) {
			t.Errorf("Swap(%q, %q) = %v, want %v", step.old, step.fresh, err, step.want)
		}
	}
}

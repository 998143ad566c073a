package nodeapi

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/safetensors"
)

// weights returns a safetensors file of one tensor.
func weights(t testing.TB, values []float32) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := safetensors.Write(&b, []safetensors.Tensor{{Name: "w", Shape: []int{len(values)}, DType: safetensors.F32}}, values); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (m machine) put(data []byte, name training.Digest, assignment, offset, length int64) (int, http.Header, []byte) {
	target := fmt.Sprintf("%s%s?assignment=%d&length=%d&offset=%d", protocol.PathBlobs, name.Hex(), assignment, length, offset)
	return m.do(m.signed("PUT", target, data, ""))
}

func trainingStage(t testing.TB) (*stage, machine, machine, []byte) {
	s := newStage(t)
	m, other := s.join(0, "kitchen"), s.join(1, "study")
	base := weights(t, make([]float32, 5000))
	if err := s.api.Blobs.Put(t.Context(), training.DigestOf(base), int64(len(base)), bytes.NewReader(base)); err != nil {
		t.Fatal(err)
	}
	s.work.slot = rounds.Slot{Base: training.DigestOf(base), Train: true, MaxNorm: 100}
	s.work.assign(governance.NodeID(m.id), protocol.Assignment{ID: 5, Kind: protocol.Train})
	return s, m, other, base
}

func TestDownloadOnlyWhatAnAssignmentReads(t *testing.T) {
	t.Parallel()
	s, m, other, base := trainingStage(t)
	target := protocol.PathBlobs + training.DigestOf(base).Hex()
	status, h, body := m.do(m.signed("GET", target+"?assignment=5", nil, ""))
	if status != 200 || !bytes.Equal(body, base) || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("download: %d, %d bytes, want %d", status, len(body), len(base))
	}
	req := m.signed("GET", target+"?assignment=5", nil, "")
	req.Header.Set("Range", "bytes=1000-")
	if status, _, body = m.do(req); status != 206 || !bytes.Equal(body, base[1000:]) {
		t.Errorf("range: %d, %d bytes", status, len(body))
	}
	if status, h, _ = m.do(m.signed("HEAD", target+"?assignment=5", nil, "")); status != 200 || h.Get("Content-Length") != fmt.Sprint(len(base)) {
		t.Errorf("HEAD: %d, length %s", status, h.Get("Content-Length"))
	}
	secret := []byte("another member's update")
	if err := s.api.Blobs.Put(t.Context(), training.DigestOf(secret), int64(len(secret)), bytes.NewReader(secret)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		m      machine
		target string
		want   int
	}{
		"another node's assignment": {other, target + "?assignment=5", 404},
		"another artefact":          {m, protocol.PathBlobs + training.DigestOf(secret).Hex() + "?assignment=5", 404},
		"unknown assignment":        {m, target + "?assignment=6", 404},
		"no assignment":             {m, target, 422},
		"a path":                    {m, protocol.PathBlobs + "..%2f..%2fetc%2fpasswd?assignment=5", 404},
		"no digest":                 {m, protocol.PathBlobs + "x?assignment=5", 404},
	} {
		if status, _, body := tt.m.do(tt.m.signed("GET", tt.target, nil, "")); status != tt.want {
			t.Errorf("%s: %d %s, want %d", name, status, body, tt.want)
		}
	}
}

func TestUploadInParts(t *testing.T) {
	t.Parallel()
	s, m, other, base := trainingStage(t)
	values := make([]float32, 5000)
	values[7] = 0.5
	update := weights(t, values)
	name, size := training.DigestOf(update), int64(len(update))
	if status, _, body := m.put(update[:1000], name, 5, 0, size); status != 204 {
		t.Fatalf("first part: %d %s", status, body)
	}
	target := fmt.Sprintf("%s%s?assignment=5&length=%d", protocol.PathBlobs, name.Hex(), size)
	if status, h, _ := m.do(m.signed("HEAD", target, nil, "")); status != 204 || h.Get(protocol.HeaderOffset) != "1000" {
		t.Errorf("how far: %d %q, want 1000", status, h.Get(protocol.HeaderOffset))
	}
	if status, h, _ := m.put(update[500:1500], name, 5, 500, size); status != 409 || h.Get(protocol.HeaderOffset) != "1000" {
		t.Errorf("a part that does not fit: %d %q, want 409 and 1000", status, h.Get(protocol.HeaderOffset))
	}
	cut := m.signed("PUT", target+"&offset=1000", update[1000:3000], "")
	cut.Body = io.NopCloser(bytes.NewReader(append(bytes.Clone(update[1000:2999]), 0xff)))
	if status, h, body := m.do(cut); status != 401 || h.Get(protocol.HeaderOffset) != "1000" {
		t.Errorf("a changed part: %d %s at %q, want 401 and nothing kept", status, body, h.Get(protocol.HeaderOffset))
	}
	for range 2 { // the second is a retry
		if status, _, body := m.put(update[1000:], name, 5, 1000, size); status != 204 {
			t.Fatalf("last part: %d %s", status, body)
		}
	}
	if !bytes.Equal(s.work.updates[name], update) {
		t.Error("the update that arrived is not the one that was sent")
	}
	if status, h, _ := m.do(m.signed("HEAD", target, nil, "")); status != 204 || h.Get(protocol.HeaderOffset) != fmt.Sprint(size) {
		t.Errorf("after the end: %d %q", status, h.Get(protocol.HeaderOffset))
	}
	if status, _, body := other.put(update, name, 5, 0, size); status != 404 {
		t.Errorf("another node uploads: %d %s, want 404", status, body)
	}
	if len(base) != len(update) {
		t.Fatal("the test's files differ in length")
	}
}

func TestHostileUploads(t *testing.T) {
	t.Parallel()
	s, m, _, base := trainingStage(t)
	size := int64(len(base))
	broken := func(i int, v float32) []byte {
		values := make([]float32, 5000)
		values[i] = v
		return weights(t, values)
	}
	// said is an update whose header says something else in as many bytes.
	said := func(old, other string) []byte {
		return bytes.Replace(broken(1, 1), []byte(old), []byte(other), 1)
	}
	for name, data := range map[string][]byte{
		"NaN first": broken(0, float32(math.NaN())), "NaN last": broken(4999, float32(math.NaN())),
		"infinite": broken(2500, float32(math.Inf(-1))), "norm": broken(3, 101), "the largest norm": broken(3, math.MaxFloat32),
		"another name": said(`"w"`, `"v"`), "another shape": said(`[5000]`, `[9999]`), "half as many": said(`[5000]`, `[2500]`),
		"whole numbers": said(`"F32"`, `"I32"`), "halves": said(`"F32"`, `"F16"`), "doubles": said(`"F32"`, `"F64"`),
	} {
		if status, _, body := m.put(data, training.DigestOf(data), 5, 0, size); status != 422 {
			t.Errorf("%s: %d %s, want 422", name, status, body)
		}
		if have, err := s.api.Uploads.Have(training.DigestOf(data), size); have != 0 || err != nil {
			t.Errorf("%s: %d bytes were kept (%v)", name, have, err)
		}
	}
	if n := len(said(`[5000]`, `[2500]`)); n != len(base) {
		t.Fatalf("the test's header has no shape to change: %d bytes", n)
	}
	good := broken(1, 1)
	wrong := training.DigestOf([]byte("something else"))
	if status, _, body := m.put(good, wrong, 5, 0, size); status != 422 || !strings.Contains(problem(body).Message, "digest") {
		t.Errorf("another digest: %d %s, want 422", status, body)
	}
	if status, _, body := m.put(good, wrong, 5, 0, size+1); status != 422 {
		t.Errorf("another length: %d %s, want 422", status, body)
	}
	if status, _, body := m.put(append(bytes.Clone(good), 0), wrong, 5, 0, size); status != 422 {
		t.Errorf("one byte more: %d %s, want 422", status, body)
	}
	zipped := m.signed("PUT", fmt.Sprintf("%s%s?assignment=5&length=%d", protocol.PathBlobs, wrong.Hex(), size), good, "")
	zipped.Header.Set("Content-Encoding", "gzip")
	if status, _, body := m.do(zipped); status != 422 {
		t.Errorf("Content-Encoding: %d %s, want 422", status, body)
	}
	endless := m.signed("PUT", fmt.Sprintf("%s%s?assignment=5&length=%d", protocol.PathBlobs, wrong.Hex(), size), nil, "")
	endless.Body, endless.ContentLength = io.NopCloser(io.LimitReader(zeros{}, 64<<20)), -1
	if status, _, body := m.do(endless); status != 429 {
		t.Errorf("no length: %d %s, want 429", status, body)
	}
	s.work.slot.Train = false
	if status, _, body := m.put(good, training.DigestOf(good), 5, 0, size); status != 409 {
		t.Errorf("an update nobody asked for: %d %s, want 409", status, body)
	}
	if len(s.work.updates) != 0 {
		t.Errorf("%d hostile updates were taken", len(s.work.updates))
	}
}

// TestDenormalsAreTakenAsTheyAre: numbers below 2⁻¹²⁶ are legal and slow; every
// bit of them arrives.
func TestDenormalsAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	s, m, _, base := trainingStage(t)
	values := make([]float32, 5000)
	for i := range values {
		values[i] = math.Float32frombits(uint32(i+1) | uint32(i%2)<<31)
	}
	data := weights(t, values)
	name := training.DigestOf(data)
	if status, _, body := m.put(data, name, 5, 0, int64(len(base))); status != 204 {
		t.Errorf("an update of denormals: %d %s, want it taken", status, body)
	}
	if !bytes.Equal(s.work.updates[name], data) {
		t.Error("the update that arrived is not the one that was sent")
	}
}

// TestFullDiskOfTheServer: an upload that has no room is refused with the
// reason and leaves nothing, and is taken when there is room.
func TestFullDiskOfTheServer(t *testing.T) {
	t.Parallel()
	s, m, _, base := trainingStage(t)
	dir, free := t.TempDir(), uint64(0)
	uploads, err := blobs.OpenPartial(dir, []byte("secret"), blobs.Options{Free: func(string) (uint64, uint64, error) { return free, 1000_000, nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { uploads.Close() })
	s.api.Uploads = uploads
	data := weights(t, make([]float32, 5000))
	name, size := training.DigestOf(data), int64(len(base))
	status, _, body := m.put(data[:1000], name, 5, 0, size) // in parts, which go to the disk
	if p := problem(body); status != http.StatusInsufficientStorage || p.Kind != "full" || !strings.Contains(p.Message, "not enough room on the disk") {
		t.Errorf("an upload to a full disk: %d %s, want 507 with the reason", status, body)
	}
	if rest, err := os.ReadDir(dir); err != nil || len(rest) != 0 {
		t.Errorf("it left %v, %v", rest, err)
	}
	free = 1000_000
	for at := int64(0); at < size; at += 1000 {
		if status, _, body := m.put(data[at:min(at+1000, size)], name, 5, at, size); status != 204 {
			t.Fatalf("with room again, at %d: %d %s", at, status, body)
		}
	}
	if !bytes.Equal(s.work.updates[name], data) {
		t.Error("the update that arrived is not the one that was sent")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

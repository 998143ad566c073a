package workers

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/keys"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/blobs"
	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/rounds"
	"codeberg.org/althing/althing/training/safetensors"
	"filippo.io/age"
)

// Weigh says what each update of a round counts for: its examples, with the
// share of no member above maxShare thousandths of the sum, and with equal
// weight for all members where so few take part that even that is less than
// the cap. What a member's cap leaves is divided among that member's nodes in
// proportion, the remainder one each from the lowest node id; a node may be
// left with 0 and then counts for nothing. Splitting text over more nodes never
// makes a member heavier.
func Weigh(updates []rounds.Update, maxShare int64) (map[governance.NodeID]int64, error) {
	byOwner := map[governance.MemberID]int64{}
	var owners []governance.MemberID
	for _, u := range updates {
		if _, ok := byOwner[u.Owner]; !ok {
			owners = append(owners, u.Owner)
		}
		byOwner[u.Owner] += u.Examples
	}
	slices.Sort(owners)
	totals := make([]int64, len(owners))
	for i, o := range owners {
		totals[i] = byOwner[o]
	}
	num, den := maxShare, int64(1000)
	if n := int64(len(owners)); n*num < den {
		num, den = 1, n
	}
	capped, err := fedavg.CapWeights(totals, num, den)
	if err != nil {
		return nil, err
	}
	weights := map[governance.NodeID]int64{}
	for i, o := range owners {
		var mine []rounds.Update
		for _, u := range updates {
			if u.Owner == o {
				mine = append(mine, u)
			}
		}
		slices.SortFunc(mine, func(a, b rounds.Update) int { return cmp.Compare(a.Node, b.Node) })
		left := capped[i]
		for _, u := range mine {
			w := share(u.Examples, capped[i], totals[i])
			weights[u.Node] = w
			left -= w
		}
		for _, u := range mine {
			if left > 0 && weights[u.Node] < u.Examples {
				weights[u.Node]++
				left--
			}
		}
	}
	return weights, nil
}

// share returns examples·capped/total, rounded down, without overflow.
func share(examples, capped, total int64) int64 {
	high, low := bits.Mul64(uint64(examples), uint64(capped))
	q, _ := bits.Div64(high, low, uint64(total)) // examples ≤ total, so the quotient is at most capped
	return int64(q)
}

// form is what all files of one model have in common.
type form struct {
	header   []byte // length word and JSON
	elements int
}

// formOf reads the form of a checkpoint.
func formOf(b blobs.Blob) (form, error) {
	var word [8]byte
	if _, err := b.ReadAt(word[:], 0); err != nil {
		return form{}, fmt.Errorf("read header: %w", err)
	}
	n := int64(binary.LittleEndian.Uint64(word[:]))
	if n < 2 || n > 1<<20 || 8+n > b.Size() || (b.Size()-8-n)%4 != 0 {
		return form{}, fmt.Errorf("a file of %d bytes has a header of %d", b.Size(), n)
	}
	f := form{header: make([]byte, 8+n), elements: int((b.Size() - 8 - n) / 4)}
	if _, err := b.ReadAt(f.header, 0); err != nil {
		return form{}, fmt.Errorf("read header: %w", err)
	}
	return f, nil
}

// Mean is the mean of a round, computed and not yet stored.
type Mean struct {
	form
	weights []float32
	Digest  training.Digest
	Counted map[governance.NodeID]int64
	Norms   map[governance.NodeID]float64
}

// ComputeMean computes the checkpoint of a round from its inputs:
//
//	w'[i] = w[i] + float32(Σ n_k·u_k[i] / Σ n_k)
//
// with the sum in float64 over the updates in ascending order of node id, one
// rounding to float32, and one float32 addition, so that whoever may read the
// updates gets the same bytes. One update is decrypted and read at a time:
// memory is 16 bytes a parameter whatever the number of nodes.
func ComputeMean(ctx context.Context, store blobs.Store, ring *keys.Ring, in rounds.Inputs) (*Mean, error) {
	counted, err := Weigh(in.Updates, in.MaxShare)
	if err != nil {
		return nil, fmt.Errorf("weigh round %d: %w", in.Round, err)
	}
	base, err := store.Open(ctx, in.Base)
	if err != nil {
		return nil, fmt.Errorf("open base of round %d: %w", in.Round, err)
	}
	defer base.Close()
	f, err := formOf(base)
	if err != nil {
		return nil, fmt.Errorf("base of round %d: %w", in.Round, err)
	}
	numbers, err := in.Recipe.Hyperparams()
	if err != nil {
		return nil, fmt.Errorf("round %d: %w", in.Round, err)
	}
	m := &Mean{form: f, Counted: counted, Norms: map[governance.NodeID]float64{}}
	sum, buffer := fedavg.NewMean(f.elements), make([]float32, f.elements)
	for _, u := range in.Updates {
		got, err := readUpdate(ctx, store, ring, u, f, buffer, numbers.UpdateNorm)
		if err != nil {
			return nil, fmt.Errorf("update of node %d in round %d: %w", u.Node, in.Round, err)
		}
		m.Norms[u.Node] = got.Norm
		if counted[u.Node] == 0 {
			continue
		}
		if err := sum.Add(buffer, counted[u.Node]); err != nil {
			return nil, fmt.Errorf("update of node %d in round %d: %w", u.Node, in.Round, err)
		}
	}
	if err := sum.Into(buffer); err != nil {
		return nil, fmt.Errorf("round %d: %w", in.Round, err)
	}
	m.weights = make([]float32, f.elements)
	if _, err := safetensors.Receive(blobs.Reader(base), f.header, f.elements, m.weights, safetensors.Limits{}); err != nil {
		return nil, fmt.Errorf("base of round %d: %w", in.Round, err)
	}
	for i, d := range buffer {
		m.weights[i] += d
		if v := float64(m.weights[i]); math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("round %d: parameter %d is %v after the mean", in.Round, i, v)
		}
	}
	m.Digest, err = digestOf(m.reader())
	return m, err
}

// errChanged says that a stored update is not the one that was reported.
var errChanged = errors.New("the stored bytes have another digest than the one in the log")

func readUpdate(ctx context.Context, store blobs.Store, ring *keys.Ring, u rounds.Update, f form, dst []float32, maxNorm float64) (safetensors.Received, error) {
	blob, err := store.Open(ctx, u.Sealed)
	if err != nil {
		return safetensors.Received{}, err
	}
	defer blob.Close()
	identity, err := ring.Contributor(int64(u.Owner))
	if err != nil {
		return safetensors.Received{}, err
	}
	plain, err := age.Decrypt(blobs.Reader(blob), identity)
	if err != nil {
		return safetensors.Received{}, fmt.Errorf("decrypt: %w", err)
	}
	got, err := safetensors.Receive(plain, f.header, f.elements, dst, safetensors.Limits{MaxNorm: maxNorm})
	if err == nil && got.Digest != u.Digest {
		err = errChanged
	}
	return got, err
}

// Store puts the checkpoint among the blobs.
func (m *Mean) Store(ctx context.Context, store blobs.Store) error {
	return store.Put(ctx, m.Digest, m.Size(), m.reader())
}

// Size returns the bytes of the checkpoint's file.
func (m *Mean) Size() int64 { return int64(len(m.header)) + 4*int64(len(m.weights)) }

func (m *Mean) reader() io.Reader { return &fileReader{head: m.header, values: m.weights} }

// fileReader reads a header and then float32 values, little-endian.
type fileReader struct {
	head   []byte
	values []float32
}

// Read fills p with whole values, at least four bytes long.
func (r *fileReader) Read(p []byte) (int, error) {
	n := copy(p, r.head)
	r.head = r.head[n:]
	if len(r.head) > 0 {
		return n, nil
	}
	if len(r.values) == 0 && n == 0 {
		return 0, io.EOF
	}
	for len(p)-n >= 4 && len(r.values) > 0 {
		binary.LittleEndian.PutUint32(p[n:], math.Float32bits(r.values[0]))
		n, r.values = n+4, r.values[1:]
	}
	if n == 0 && len(p) > 0 {
		return 0, io.ErrShortBuffer
	}
	return n, nil
}

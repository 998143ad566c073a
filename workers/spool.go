package workers

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"

	"codeberg.org/althing/althing/training/fedavg"
	"codeberg.org/althing/althing/training/robust"
)

// Spool is a robust.Cohort in a private file that has no name: vectors of
// float32, one after the other.
type Spool struct {
	file   *os.File
	n, dim int
}

var _ robust.Cohort = (*Spool)(nil)

// NewSpool makes a file for n vectors of dim numbers; whoever made it closes it.
func NewSpool(n, dim int) (*Spool, error) {
	file, err := os.CreateTemp("", "updates-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // where an open file cannot be removed Close does it
	return &Spool{file: file, n: n, dim: dim}, nil
}

// Set writes vector i. Several may be written at once.
func (s *Spool) Set(i int, values []float32) error {
	_, err := io.Copy(io.NewOffsetWriter(s.file, s.at(i, 0)), &fileReader{values: values})
	return err
}

// at is where number k of vector i stands in the file.
func (s *Spool) at(i, k int) int64 { return 4 * (int64(i)*int64(s.dim) + int64(k)) }

// read sets part to the numbers of vector i from k on; raw has room for their
// bytes.
func (s *Spool) read(part []float32, i, k int, raw []byte) error {
	_, err := s.file.ReadAt(raw[:4*len(part)], s.at(i, k))
	for j := range part {
		part[j] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*j:]))
	}
	return err
}

// Get sets dst to vector i.
func (s *Spool) Get(dst []float32, i int) error {
	raw := make([]byte, 4*min(span, len(dst)))
	for from := 0; from < len(dst); from += span {
		if err := s.read(dst[from:min(from+span, len(dst))], i, from, raw); err != nil {
			return err
		}
	}
	return nil
}

// Size is the number of vectors and of numbers in each.
func (s *Spool) Size() (n, dim int) { return s.n, s.dim }

// span is how many parameters of an update are read at once.
const span = 32 * robust.Block

// Each reads ranges of all vectors: span parameters of each, and fewer of more
// than 256, so that they are 32 MB together.
func (s *Spool) Each(visit func(from int, part [][]float32) error) error {
	size := min(span, max(1, 8192/max(1, s.n))*robust.Block)
	part, failed := make([][]float32, s.n), make([]error, s.n)
	for i := range part {
		part[i] = make([]float32, min(size, s.dim))
	}
	for from := 0; from < s.dim; from += size {
		length := min(size, s.dim-from)
		fedavg.Split(s.n, 1, func(lo, hi int) {
			raw := make([]byte, 4*length)
			for i := lo; i < hi; i++ {
				part[i] = part[i][:length]
				failed[i] = s.read(part[i], i, from, raw)
			}
		})
		if err := errors.Join(failed...); err != nil {
			return err
		}
		if err := visit(from, part); err != nil {
			return err
		}
	}
	return nil
}

// Close forgets the vectors.
func (s *Spool) Close() error {
	err := s.file.Close()
	if gone := os.Remove(s.file.Name()); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

package tensor

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"sort"

	"codeberg.org/althing/althing/training"
)

// Spec names one tensor and its shape, outermost dimension first.
type Spec struct {
	Name  string
	Shape []int
}

// Len returns the number of elements, the product of the dimensions.
func (s Spec) Len() int {
	n := 1
	for _, d := range s.Shape {
		n *= d
	}
	return n
}

// Params are the named weights of a model (or a gradient, or a moment of the
// optimiser) over one flat backing slice. Tensors lie in Data in ascending
// byte order of their names with no gaps, so that a norm, an aggregate or a
// digest is one loop and does not depend on who built the model.
type Params struct {
	// Data holds all elements; Params owns it and callers may write into it.
	Data    []float32
	specs   []Spec
	offsets []int // of specs[i] in Data
	index   map[string]int
}

// maxElements bounds one model (8 GiB of weights), so that no sum or product of
// sizes overflows, also where int has 32 bits.
const maxElements = math.MaxInt32

// NewParams lays out zeroed tensors. It refuses an empty or repeated name and
// a dimension below one.
func NewParams(specs ...Spec) (*Params, error) {
	p := &Params{index: make(map[string]int, len(specs))}
	for _, s := range specs {
		n := 1
		for _, d := range s.Shape {
			if d < 1 || d > maxElements/n {
				return nil, fmt.Errorf("lay out tensor %q: shape %v is not positive or too large", s.Name, s.Shape)
			}
			n *= d
		}
		p.specs = append(p.specs, Spec{s.Name, append([]int(nil), s.Shape...)})
	}
	sort.SliceStable(p.specs, func(i, j int) bool { return p.specs[i].Name < p.specs[j].Name })
	total := 0
	for i, s := range p.specs {
		if _, twice := p.index[s.Name]; twice || s.Name == "" {
			return nil, fmt.Errorf("lay out tensor %q: the name is empty or used twice", s.Name)
		}
		p.index[s.Name] = i
		p.offsets = append(p.offsets, total)
		if s.Len() > maxElements-total {
			return nil, fmt.Errorf("lay out tensor %q: more than %d elements", s.Name, maxElements)
		}
		total += s.Len()
	}
	p.Data = make([]float32, total)
	return p, nil
}

// Specs returns the tensors in their order in Data. Callers must not change it.
func (p *Params) Specs() []Spec { return p.specs }

// Len returns the number of parameters.
func (p *Params) Len() int { return len(p.Data) }

// View returns the elements of one tensor, row-major, sharing Data; false if
// there is no tensor of this name.
func (p *Params) View(name string) ([]float32, bool) {
	i, ok := p.index[name]
	if !ok {
		return nil, false
	}
	lo, n := p.offsets[i], p.specs[i].Len()
	return p.Data[lo : lo+n : lo+n], true
}

// Vector is View for a name that the caller itself laid out; it panics if the
// name is unknown.
func (p *Params) Vector(name string) []float32 {
	v, ok := p.View(name)
	if !ok {
		panic("tensor: no tensor named " + name)
	}
	return v
}

// Matrix is Vector for a tensor of two dimensions.
func (p *Params) Matrix(name string) Matrix {
	v := p.Vector(name)
	shape := p.specs[p.index[name]].Shape
	if len(shape) != 2 {
		panic("tensor: no matrix named " + name)
	}
	return Mat(v, shape[0], shape[1])
}

// Zeros returns zeroed parameters of the same layout: a gradient, a moment.
func (p *Params) Zeros() *Params {
	return &Params{Data: make([]float32, len(p.Data)), specs: p.specs, offsets: p.offsets, index: p.index}
}

// Clone returns a copy with its own Data.
func (p *Params) Clone() *Params {
	q := p.Zeros()
	copy(q.Data, p.Data)
	return q
}

// SameLayout reports how q differs from p in names or shapes, nil if it does not.
func (p *Params) SameLayout(q *Params) error {
	if len(p.specs) != len(q.specs) {
		return fmt.Errorf("compare layouts: %d tensors against %d", len(p.specs), len(q.specs))
	}
	for i, s := range p.specs {
		o := q.specs[i]
		same := s.Name == o.Name && len(s.Shape) == len(o.Shape)
		for j := 0; same && j < len(s.Shape); j++ {
			same = s.Shape[j] == o.Shape[j]
		}
		if !same {
			return fmt.Errorf("compare layouts: tensor %q %v against %q %v", s.Name, s.Shape, o.Name, o.Shape)
		}
	}
	return nil
}

// AddScaled adds alpha·q element by element, the product rounded by itself.
// The layouts must be the same.
func (p *Params) AddScaled(alpha float32, q *Params) {
	if len(p.Data) != len(q.Data) {
		panic("tensor: layouts differ")
	}
	for i, v := range q.Data {
		p.Data[i] += float32(alpha * v)
	}
}

// Norm returns the L2 norm of all parameters.
func (p *Params) Norm() float64 { return Norm(p.Data) }

// CheckFinite names the first tensor that holds a NaN or an infinity.
func (p *Params) CheckFinite() error {
	for i, s := range p.specs {
		if at := NotFinite(p.Data[p.offsets[i] : p.offsets[i]+s.Len()]); at >= 0 {
			return fmt.Errorf("check tensor %q: element %d is not a finite number", s.Name, at)
		}
	}
	return nil
}

// Digest returns the SHA-256 of all elements as little-endian bytes in the
// order of Data. It equals the digest of the data section of a safetensors
// file whose tensors are sorted by name.
func (p *Params) Digest() training.Digest {
	h := sha256.New()
	buf := make([]byte, 0, 1<<14)
	for _, v := range p.Data {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		if len(buf) == cap(buf) {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	h.Write(buf)
	return training.Digest(h.Sum(nil))
}

// Norm returns the L2 norm in binary64: exact squares in 16 lanes and a fixed
// tree, the same for any thread count.
func Norm(x []float32) float64 {
	var lane [16]float64
	i := squaresHead(x, &lane)
	for ; i+16 <= len(x); i += 16 {
		for j, v := range x[i : i+16 : i+16] {
			lane[j] += float64(float64(v) * float64(v))
		}
	}
	for j, v := range x[i:] {
		lane[j] += float64(float64(v) * float64(v))
	}
	for w := 8; w > 0; w /= 2 {
		for j := range w {
			lane[j] += lane[j+w]
		}
	}
	return math.Sqrt(lane[0])
}

// NotFinite returns the index of the first NaN or infinity, -1 if there is none.
func NotFinite(x []float32) int {
	for i, v := range x {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return i
		}
	}
	return -1
}

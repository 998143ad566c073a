package llama

import "codeberg.org/althing/althing/training/tensor"

// rotary holds cos and sin of position·θ^(-2i/D) for i < D/2, D/2 values per
// position.
type rotary struct {
	half     int
	cos, sin []float32
}

func newRotary(c Config) rotary {
	half := c.HeadDim() / 2
	r := rotary{half, make([]float32, c.Context*half), make([]float32, c.Context*half)}
	logTheta := tensor.Log64(c.RopeTheta)
	for i := range half {
		frequency := tensor.Exp64(-float64(logTheta*float64(i)) / float64(half))
		for t := range c.Context {
			angle := float64(float64(t) * frequency)
			r.cos[t*half+i], r.sin[t*half+i] = float32(tensor.Cos64(angle)), float32(tensor.Sin64(angle))
		}
	}
	return r
}

// row rotates all heads of one row at a position: channel i of a head turns
// with channel i + D/2. sign -1 turns back, which is the gradient.
func (r rotary) row(x []float32, position int, sign float32) {
	cos, sin := r.cos[position*r.half:(position+1)*r.half], r.sin[position*r.half:(position+1)*r.half]
	for h := 0; h < len(x); h += 2 * r.half {
		tensor.Rotate(x[h:h+r.half], x[h+r.half:h+2*r.half], cos, sin, sign)
	}
}

// rows rotates every row of x, whose first is row number from of all;
// positions start again every time rows.
func (r rotary) rows(x tensor.Matrix, from, time int, sign float32) {
	for i := range x.Rows {
		r.row(x.Row(i), (from+i)%time, sign)
	}
}

package robust

import (
	"fmt"

	"codeberg.org/althing/althing/training/fedavg"
)

// Distances is the matrix of squared L2 distances between n updates, gathered
// a range of coordinates at a time: 8 bytes per pair, whatever the model.
type Distances struct {
	n   int
	sum []float64 // n×n, both halves, zero diagonal
	end bool      // a range that was no multiple of Block has ended the vectors
}

// NewDistances returns the distances of n updates over no coordinates yet.
func NewDistances(n int) *Distances { return &Distances{n: n, sum: make([]float64, n*n)} }

// Add adds the squared distances over one range of coordinates; part holds the
// n updates within it. Ranges come in ascending order and are multiples of
// Block long, except the last.
func (d *Distances) Add(part [][]float32) error {
	if len(part) != d.n || d.end {
		return fmt.Errorf("distances of %d updates: %d given, or after the last range", d.n, len(part))
	}
	if d.n == 0 {
		return nil
	}
	length := len(part[0])
	for i, u := range part {
		if len(u) != length {
			return fmt.Errorf("distances: update %d has %d coordinates, the first %d", i, len(u), length)
		}
	}
	d.end = length%Block != 0
	tasks := d.tasks()
	fedavg.Split(len(tasks), 1, func(lo, hi int) {
		for at := 0; at < length; at += Block {
			end := min(at+Block, length)
			for _, t := range tasks[lo:hi] {
				row := d.sum[t.i*d.n:]
				if t.wide {
					got := squares4(part[t.i][at:end], part[t.j][at:end], part[t.j+1][at:end], part[t.j+2][at:end], part[t.j+3][at:end])
					for k, v := range got {
						row[t.j+k] += v
					}
					continue
				}
				row[t.j] += squares(part[t.i][at:end], part[t.j][at:end])
			}
		}
	})
	for i := range d.n {
		for j := range i {
			d.sum[j*d.n+i] = d.sum[i*d.n+j]
		}
	}
	return nil
}

// task is update i against update j, or against j to j+3 at once.
type task struct {
	i, j int
	wide bool
}

// tasks covers every pair i > j once, in an order that puts work of the same
// rows together.
func (d *Distances) tasks() []task {
	var list []task
	for i := range d.n {
		j := 0
		for ; j+4 <= i; j += 4 {
			list = append(list, task{i, j, true})
		}
		for ; j < i; j++ {
			list = append(list, task{i, j, false})
		}
	}
	return list
}

// At returns ‖Δ_i − Δ_j‖² over the coordinates so far.
func (d *Distances) At(i, j int) float64 { return d.sum[i*d.n+j] }

// Len returns the number of updates.
func (d *Distances) Len() int { return d.n }

// Measure returns the distances of a cohort. It reads the cohort once.
func Measure(c Cohort) (*Distances, error) {
	n, _ := c.Size()
	d := NewDistances(n)
	err := walk(c, func(_ int, part [][]float32) error { return d.Add(part) })
	if err != nil {
		return nil, fmt.Errorf("measure distances: %w", err)
	}
	return d, nil
}

// squares returns Σ (a−b)² over one block in 4 lanes (package comment).
func squares(a, b []float32) float64 {
	var lane [4]float64
	i := squaresHead(a, b, &lane)
	tail(a, b, i, &lane)
	return float64(lane[0]+lane[2]) + float64(lane[1]+lane[3])
}

// squares4 is squares of a with each of four others, which reads a once.
func squares4(a, b0, b1, b2, b3 []float32) [4]float64 {
	var lane [4][4]float64
	i := squares4Head(a, b0, b1, b2, b3, &lane)
	var sum [4]float64
	for k, b := range [4][]float32{b0, b1, b2, b3} {
		l := &lane[k]
		tail(a, b, i, l)
		sum[k] = float64(l[0]+l[2]) + float64(l[1]+l[3])
	}
	return sum
}

// tail adds what begins at i, a multiple of 4, to the lanes.
func tail(a, b []float32, i int, lane *[4]float64) {
	b = b[:len(a)]
	l0, l1, l2, l3 := lane[0], lane[1], lane[2], lane[3]
	for ; i+4 <= len(a); i += 4 {
		x, y := (*[4]float32)(a[i:]), (*[4]float32)(b[i:])
		d0, d1 := float64(x[0])-float64(y[0]), float64(x[1])-float64(y[1])
		d2, d3 := float64(x[2])-float64(y[2]), float64(x[3])-float64(y[3])
		l0 += float64(d0 * d0)
		l1 += float64(d1 * d1)
		l2 += float64(d2 * d2)
		l3 += float64(d3 * d3)
	}
	*lane = [4]float64{l0, l1, l2, l3}
	for ; i < len(a); i++ {
		d := float64(a[i]) - float64(b[i])
		lane[i&3] += float64(d * d)
	}
}

// toPoint returns ‖u − z‖² over one block in the same 4 lanes.
func toPoint(u []float32, z []float64) float64 {
	u = u[:len(z)]
	var lane [4]float64
	i := pointHead(u, z, &lane)
	for ; i+4 <= len(z); i += 4 {
		x, y := (*[4]float32)(u[i:]), (*[4]float64)(z[i:])
		d0, d1 := float64(x[0])-y[0], float64(x[1])-y[1]
		d2, d3 := float64(x[2])-y[2], float64(x[3])-y[3]
		lane[0] += float64(d0 * d0)
		lane[1] += float64(d1 * d1)
		lane[2] += float64(d2 * d2)
		lane[3] += float64(d3 * d3)
	}
	for ; i < len(z); i++ {
		d := float64(u[i]) - z[i]
		lane[i&3] += float64(d * d)
	}
	return float64(lane[0]+lane[2]) + float64(lane[1]+lane[3])
}

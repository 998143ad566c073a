package tensor

import "fmt"

// Matrix is a row-major view: element (i, j) is Data[i*Stride+j]. Views of a
// head or of a sequence share their backing array.
type Matrix struct {
	Data               []float32
	Rows, Cols, Stride int
}

// Mat views data as rows × cols without gaps.
func Mat(data []float32, rows, cols int) Matrix {
	if len(data) < rows*cols {
		panic(fmt.Sprintf("tensor: %d elements are no %d × %d matrix", len(data), rows, cols))
	}
	return Matrix{data, rows, cols, cols}
}

// Sub returns the view of rows × cols elements whose first is (i, j).
func (m Matrix) Sub(i, j, rows, cols int) Matrix {
	if i < 0 || j < 0 || rows < 0 || cols < 0 || i+rows > m.Rows || j+cols > m.Cols {
		panic(fmt.Sprintf("tensor: %d × %d at (%d, %d) is outside %d × %d", rows, cols, i, j, m.Rows, m.Cols))
	}
	if rows == 0 || cols == 0 {
		return Matrix{nil, rows, cols, m.Stride}
	}
	lo := i*m.Stride + j
	return Matrix{m.Data[lo : lo+(rows-1)*m.Stride+cols], rows, cols, m.Stride}
}

// Row returns row i.
func (m Matrix) Row(i int) []float32 {
	if m.Cols == 0 {
		return nil
	}
	return m.Data[i*m.Stride : i*m.Stride+m.Cols]
}

// check panics unless the backing array holds every element: the assembly
// kernels have no bounds checks of their own.
func (m Matrix) check() {
	if m.Rows > 0 && m.Cols > 0 && (m.Stride < m.Cols || len(m.Data) < (m.Rows-1)*m.Stride+m.Cols) {
		panic(fmt.Sprintf("tensor: %d elements do not hold %d × %d with stride %d", len(m.Data), m.Rows, m.Cols, m.Stride))
	}
}

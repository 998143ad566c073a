package localdata

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"codeberg.org/althing/althing/training/protocol"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// mailbox takes an mbox file (RFC 4155), or one message of a file .eml.
func (r *reading) mailbox(root *os.Root, name string) error {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".eml":
		return r.stream(root, name, func(in io.Reader) error {
			data, err := io.ReadAll(io.LimitReader(in, r.bounds.File+1))
			if err == nil && int64(len(data)) > r.bounds.File {
				err = errTooLong
			}
			if err != nil {
				return err
			}
			return r.letter(name, "1", data)
		})
	case ".mbox", ".mbx", "":
		return r.stream(root, name, func(in io.Reader) error { return r.mbox(name, in) })
	}
	r.skip(name, "no mailbox")
	return nil
}

// mbox cuts a mailbox at the lines “From ” that follow an empty line. A
// message above the bound is read past and left out.
func (r *reading) mbox(name string, in io.Reader) error {
	lines := bufio.NewReaderSize(in, 64<<10)
	var letter []byte
	n, empty, whole, long := 0, true, true, false
	take := func() error {
		defer func() { letter, long = letter[:0], false }()
		switch {
		case n == 0:
			return nil // before the first message
		case long:
			r.skip(name+"#"+strconv.Itoa(n), fmt.Sprintf("%v of %d bytes", errTooLong, r.bounds.File))
			return nil
		}
		return r.letter(name, strconv.Itoa(n), letter)
	}
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return errors.Join(take(), err)
		}
		if whole && empty && bytes.HasPrefix(line, []byte("From ")) {
			if err := take(); err != nil {
				return err
			}
			n++
		} else if len(line) > 0 && n > 0 && !long {
			if whole && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) && line[0] == '>' {
				line = line[1:]
			}
			letter = append(letter, line...)
			long = int64(len(letter)) > r.bounds.File
		}
		empty = whole && len(bytes.TrimRight(line, "\r\n")) == 0
		whole = err == nil
		if errors.Is(err, io.EOF) {
			if n == 0 {
				r.skip(name, "no mailbox")
			}
			return take()
		}
	}
}

// letter takes the plain text of one message: no quotations, no signature, no
// attachments, no header but the subject.
func (r *reading) letter(file, id string, data []byte) error {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		r.skip(file+"#"+id, "no message: its header cannot be read")
		return nil
	}
	parts := &letterParts{left: 200}
	if err := parts.read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, 0); err != nil {
		r.skip(file+"#"+id, err.Error())
		return nil
	}
	subject := decodedHeader(m.Header.Get("Subject"))
	who := m.Header.Get("From")
	if a, err := mail.ParseAddress(who); err == nil {
		who = a.Address
	}
	return r.say(file, message{id: id, author: who, title: subject, body: said(parts.text.String()), domain: protocol.Letters})
}

// decodedHeader reads encoded words (RFC 2047); what cannot be read is left out.
func decodedHeader(h string) string {
	words := mime.WordDecoder{CharsetReader: func(charset string, in io.Reader) (io.Reader, error) {
		c, err := charsetOf(charset)
		if err != nil || c == nil {
			return in, err
		}
		return c.NewDecoder().Reader(in), nil
	}}
	text, err := words.DecodeHeader(h)
	if err != nil || !utf8.ValidString(text) {
		return ""
	}
	return text
}

// letterParts gathers the plain text of a message (RFC 2045, 2046).
type letterParts struct {
	text strings.Builder
	left int // parts that may still be looked at
}

// errNoPlain is the reason for a message without plain text.
var errNoPlain = errors.New("no plain text in it")

func (p *letterParts) read(contentType, transfer string, body io.Reader, depth int) error {
	if p.left--; p.left < 0 || depth > 5 {
		return errors.New("too many parts")
	}
	kind, params := "text/plain", map[string]string{}
	if contentType != "" {
		var err error
		if kind, params, err = mime.ParseMediaType(contentType); err != nil {
			return errors.New("its type cannot be read")
		}
	}
	switch {
	case kind == "text/plain":
		return p.plain(params["charset"], transfer, body)
	case !strings.HasPrefix(kind, "multipart/"):
		return errNoPlain
	case kind == "multipart/encrypted":
		return errors.New("encrypted")
	}
	inner := multipart.NewReader(body, params["boundary"])
	found := false
	for {
		part, err := inner.NextRawPart()
		if err != nil { // a message that breaks off keeps its parts so far
			break
		}
		if disposition, _, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition")); disposition == "attachment" {
			continue
		}
		switch err := p.read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part, depth+1); {
		case err == nil:
			found = true
		case p.left < 0:
			return err
		}
		if found && kind == "multipart/alternative" {
			break // the others say the same
		}
	}
	if !found {
		return errNoPlain
	}
	return nil
}

func (p *letterParts) plain(charset, transfer string, body io.Reader) error {
	switch strings.ToLower(strings.TrimSpace(transfer)) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body) // skips line ends
	case "", "7bit", "8bit", "binary":
	default:
		return errors.New("its transfer encoding is not known")
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return errors.New("its encoding is broken")
	}
	c, err := charsetOf(charset)
	if err != nil {
		return err
	}
	if c != nil && !utf8.Valid(data) { // many messages are UTF-8 whatever they say
		if data, err = c.NewDecoder().Bytes(data); err != nil {
			return errors.New("its characters cannot be read")
		}
	}
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	p.text.Write(data)
	p.text.WriteByte('\n')
	return nil
}

// charsetOf returns the table of a charset, nil for UTF-8. As browsers do, it
// reads Latin-1 and ASCII as Windows-1252, which holds them (WHATWG Encoding).
func charsetOf(name string) (encoding.Encoding, error) {
	switch strings.ToLower(strings.Trim(name, `" `)) {
	case "utf-8", "utf8":
		return nil, nil
	case "", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252", "cp1252":
		return charmap.Windows1252, nil
	case "iso-8859-2":
		return charmap.ISO8859_2, nil
	case "iso-8859-15":
		return charmap.ISO8859_15, nil
	}
	return nil, errors.New("its character set is not read here")
}

// said leaves what the sender said: without lines that quote others, which are
// in their own messages, without the line that announces them, and without what
// follows the signature mark “-- ”.
func said(text string) string {
	var kept []string
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if line == "-- " || line == "--" { // quoted-printable takes the blank away
			break
		}
		if strings.HasPrefix(line, ">") {
			if n := len(kept); n > 0 && strings.HasSuffix(strings.TrimSpace(kept[n-1]), ":") && strings.ContainsAny(kept[n-1], "@<") {
				kept = kept[:n-1]
			}
			continue
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\n")
}

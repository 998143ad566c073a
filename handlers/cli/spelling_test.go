package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// spellings is a set of byte sequences to look for in large files: every form
// in which a ballot could have been written down. All have at least
// shortestSpelling bytes, so that none is found by chance.
type spellings struct {
	what  map[string]string // form, to what it spells
	heads map[[4]byte][]string
	pairs [1 << 16]bool // first two bytes, the cheap question asked at every place
}

const shortestSpelling = 9

func spellingsOf(what map[string][]byte) *spellings {
	s := &spellings{what: map[string]string{}, heads: map[[4]byte][]string{}}
	for name, plain := range what {
		s.add(name, plain)
	}
	for form := range s.what {
		head := [4]byte([]byte(form))
		s.heads[head] = append(s.heads[head], form)
		s.pairs[binary.BigEndian.Uint16([]byte(form))] = true
	}
	return s
}

// add takes a plain form and its encodings. Base64 spells the same bytes in
// three ways, by where they lie in what is encoded; the characters at both
// ends that depend on the neighbours are left out.
func (s *spellings) add(name string, plain []byte) {
	forms := map[string]string{
		"": string(plain), " in hex": hex.EncodeToString(plain), " in HEX": strings.ToUpper(hex.EncodeToString(plain)),
		" escaped": url.QueryEscape(string(plain)), " quoted": strings.Trim(strconv.Quote(string(plain)), `"`),
	}
	for offset := range 3 {
		padded := append(make([]byte, offset), plain...)
		whole := len(padded) / 3 * 4
		for kind, encoding := range map[string]*base64.Encoding{" in base64": base64.RawStdEncoding, " in base64url": base64.RawURLEncoding} {
			text := encoding.EncodeToString(padded)[:whole]
			forms[kind+strconv.Itoa(offset)] = text[[]int{0, 2, 3}[offset]:]
		}
	}
	for kind, form := range forms {
		if len(form) >= shortestSpelling {
			s.what[form] = name + kind
		}
	}
}

// in lists what is spelled anywhere in data.
func (s *spellings) in(data []byte) []string {
	found := map[string]bool{}
	for i := 0; i+shortestSpelling <= len(data); i++ {
		if !s.pairs[uint16(data[i])<<8|uint16(data[i+1])] {
			continue
		}
		for _, form := range s.heads[[4]byte(data[i:])] {
			if bytes.HasPrefix(data[i:], []byte(form)) {
				found[s.what[form]] = true
			}
		}
	}
	var list []string
	for name := range found {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// sequence is a list of numbers in every form that a program, a database or a
// person might give it.
func sequence(name string, numbers []int) map[string][]byte {
	forms := map[string][]byte{}
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}
	for _, between := range []string{"", ",", ", ", " ", "\t", "\n", ";", "&", "-", ">", " > ", "=", "/", `","`} {
		forms[name+" joined by "+strconv.Quote(between)] = []byte(strings.Join(words, between))
	}
	var narrow, array []byte
	widths := map[string][]byte{}
	for _, n := range numbers {
		narrow = append(narrow, byte(n))
		array = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(array, 4), uint32(n)) // the wire form of integer[]
		widths["le16"] = binary.LittleEndian.AppendUint16(widths["le16"], uint16(n))
		widths["be16"] = binary.BigEndian.AppendUint16(widths["be16"], uint16(n))
		widths["le32"] = binary.LittleEndian.AppendUint32(widths["le32"], uint32(n)) // how a page stores integer[]
		widths["be32"] = binary.BigEndian.AppendUint32(widths["be32"], uint32(n))
		widths["le64"] = binary.LittleEndian.AppendUint64(widths["le64"], uint64(n))
		widths["be64"] = binary.BigEndian.AppendUint64(widths["be64"], uint64(n))
	}
	forms[name+" as bytes"], forms[name+" as integer[]"] = narrow, array
	for width, form := range widths {
		forms[name+" as "+width] = form
	}
	return forms
}

// ballotSpellings are the forms of a ranking (candidates, most preferred
// first): by candidates, by the ranks of a form, by the members' numbers, and
// by their names.
func ballotSpellings(ranking []int, members []int, names []string) map[string][]byte {
	all := sequence("ranking", ranking)
	ranks, byMember, byName := make([]int, len(ranking)), make([]int, len(ranking)), make([]string, len(ranking))
	form, object := url.Values{}, map[string]string{}
	for i, c := range ranking {
		ranks[c-1] = i + 1
		byMember[i], byName[i] = members[c-1], names[c-1]
		form.Set("rank-"+strconv.Itoa(c), strconv.Itoa(i+1))
		object[strconv.Itoa(c)] = strconv.Itoa(i + 1)
	}
	for _, more := range []map[string][]byte{sequence("ranks", ranks), sequence("members", byMember)} {
		for name, form := range more {
			all[name] = form
		}
	}
	all["form"] = []byte(form.Encode())
	var inOrder, pairs []string
	for c := 1; c <= len(ranking); c++ {
		n := strconv.Itoa(c)
		inOrder = append(inOrder, "rank-"+n+"="+object[n])
		pairs = append(pairs, n+":"+object[n])
	}
	all["form in order"], all["map"] = []byte(strings.Join(inOrder, "&")), []byte(strings.Join(pairs, " "))
	for _, between := range []string{",", ", ", " ", "\n", " > "} {
		all["names joined by "+strconv.Quote(between)] = []byte(strings.Join(byName, between))
	}
	return all
}

// TestSpellingsAreFound hides every form among other bytes, at every offset
// of base64, and expects it to be found and nothing else.
func TestSpellingsAreFound(t *testing.T) {
	t.Parallel()
	ranking := []int{7, 3, 11, 9, 1, 12, 8, 2, 6, 10, 4, 5}
	plain := ballotSpellings(ranking, []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, strings.Split("abcdefghijkl", ""))
	s := spellingsOf(plain)
	for name, form := range plain {
		for _, before := range []string{"x", "xy", "xyz"} {
			hay := append(append([]byte(before), form...), "tail"...)
			for kind, hidden := range map[string]string{
				"raw": string(hay), "hex": hex.EncodeToString(hay), "base64": base64.StdEncoding.EncodeToString(hay), "base64url": base64.RawURLEncoding.EncodeToString(hay),
			} {
				if len(s.in([]byte(hidden))) == 0 {
					t.Errorf("%s, %s behind %q: not found in %q", name, kind, before, hidden)
				}
			}
		}
	}
	if found := s.in([]byte("1,2,3,4,5,6,7,8,9,10,11,12 and 7,3,11,9 and rank-1=1&rank-2=2")); len(found) > 0 {
		t.Errorf("found in other text: %q", found)
	}
}

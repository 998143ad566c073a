package localdata

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/training/protocol"
)

// export takes one JSON file of a tracker or a chat, value by value as it
// streams: an array of messages, lines of one each, or an object that holds
// arrays of them.
func (r *reading) export(root *os.Root, name string) error {
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".jsonl", ".ndjson":
	default:
		return nil
	}
	return r.stream(root, name, func(in io.Reader) error { return r.decode(name, in) })
}

// stream opens a file within the owner's bound for exports. What was taken
// before the file broke off is kept, and the report says so.
func (r *reading) stream(root *os.Root, name string, take func(io.Reader) error) error {
	f, err := root.Open(name)
	if err != nil {
		r.skip(name, reason(err))
		return nil
	}
	defer f.Close()
	in := &counted{in: f, left: r.bounds.Export}
	err = take(in)
	switch {
	case errors.Is(err, errEnough) || r.ended() != nil:
		return err
	case in.left < 0:
		r.skip(name, fmt.Sprintf("%v of %d bytes; the rest was not read", errTooLong, r.bounds.Export))
	case err != nil:
		r.skip(name, "the rest cannot be read: "+err.Error())
	}
	return nil
}

// counted stops after so many bytes, with errTooLong if there are more.
type counted struct {
	in   io.Reader
	left int64 // below 0 after it stopped
}

// Read reads and counts.
func (c *counted) Read(b []byte) (int, error) {
	if c.left <= 0 {
		var next [1]byte
		if n, err := io.ReadFull(c.in, next[:]); n == 0 {
			return 0, err
		}
		c.left = -1
		return 0, errTooLong
	}
	n, err := c.in.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

// decode reads the values of a stream.
func (r *reading) decode(name string, in io.Reader) error {
	dec := json.NewDecoder(in)
	dec.UseNumber()
	e := &extraction{r: r, name: name, domain: protocol.Tickets}
	if r.source.Kind == Chat {
		e.domain = protocol.Talk
	}
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return jsonError(err)
		}
		switch t {
		case json.Delim('['):
			err = e.elements(dec)
		case json.Delim('{'):
			err = e.wrapper(dec)
		}
		if err != nil {
			return err
		}
	}
}

// jsonError drops the text that the error of a decoder quotes.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("no JSON after %d bytes", syntax.Offset)
	}
	return err
}

// extraction finds messages in values.
type extraction struct {
	r      *reading
	name   string
	domain string
	n      int // messages seen, for those without an id
}

// elements takes the values of an array that is open.
func (e *extraction) elements(dec *json.Decoder) error {
	for dec.More() {
		var v any
		if err := dec.Decode(&v); err != nil {
			return jsonError(err)
		}
		if err := e.value(v, 0); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return jsonError(err)
}

// wrapper takes an object that is open: arrays in it stream, and the rest may
// be a message itself.
func (e *extraction) wrapper(dec *json.Decoder) error {
	rest := map[string]any{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return jsonError(err)
		}
		name, _ := key.(string)
		t, err := dec.Token()
		if err != nil {
			return jsonError(err)
		}
		switch t {
		case json.Delim('['):
			err = e.elements(dec)
		case json.Delim('{'):
			v := map[string]any{}
			err = object(dec, v)
			rest[name] = v
		default:
			rest[name] = t
		}
		if err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return jsonError(err)
	}
	return e.value(rest, 0)
}

// object reads the rest of an object that is open.
func object(dec *json.Decoder, to map[string]any) error {
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return jsonError(err)
		}
		var v any
		if err := dec.Decode(&v); err != nil {
			return jsonError(err)
		}
		if name, ok := key.(string); ok {
			to[name] = v
		}
	}
	_, err := dec.Token()
	return jsonError(err)
}

// nested are the keys under which forms keep further messages: comments of
// GitHub, notes of GitLab, replies and posts of Mattermost.
var nested = []string{"comments", "notes", "discussions", "replies", "messages", "issues", "merge_requests", "post", "nodes"}

// value takes a message and those within it. Eight levels are more than any
// form has.
func (e *extraction) value(v any, depth int) error {
	if depth > 8 {
		return nil
	}
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			if err := e.value(one, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		if why := unfit(v); why != "" {
			e.n++
			e.r.skip(e.name+"#"+e.id(v), why)
			return nil
		}
		if err := e.message(v); err != nil {
			return err
		}
		for _, key := range nested {
			if inner, ok := v[key]; ok {
				if err := e.value(inner, depth+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// unfit says why a value is nothing that a person said to everybody in it.
func unfit(v map[string]any) string {
	kind, _ := v["type"].(string)
	subtype, _ := v["subtype"].(string)
	form := text(inside(v, "content"), "msgtype")
	user := inside(v, "user")
	switch {
	case kind == "direct_post" || kind == "direct_channel":
		return "a private message"
	case kind == "m.room.encrypted":
		return "encrypted"
	case strings.HasPrefix(kind, "m.") && kind != "m.room.message" || form != "" && form != "m.text" && form != "m.emote":
		return "no text message"
	case v["system"] == true || strings.HasPrefix(kind, "system_") || subtype != "" && subtype != "me_message" && subtype != "thread_broadcast" && subtype != "file_share":
		return "written by the program"
	case v["bot_id"] != nil || text(user, "type") == "Bot":
		return "written by a bot"
	}
	return ""
}

// message takes the texts of one value, if it has any.
func (e *extraction) message(v map[string]any) error {
	body := first(v, "body", "description", "message", "note", "text")
	if body == "" {
		body = text(inside(v, "content"), "body")
	}
	if body == "" {
		body, _ = v["content"].(string)
	}
	title := first(v, "title", "subject")
	if body == "" && title == "" {
		return nil
	}
	e.n++
	m := message{id: e.id(v), author: writer(v), title: title, body: body, domain: e.domain}
	return e.r.say(e.name, m)
}

// writer is who wrote a message: a name, or the name in an object.
func writer(v map[string]any) string {
	for _, key := range []string{"user", "author", "sender", "from", "username"} {
		switch who := v[key].(type) {
		case string:
			return who
		case map[string]any:
			if name := first(who, "login", "username", "name", "id"); name != "" {
				return name
			}
		}
	}
	return ""
}

// id names a message within its file.
func (e *extraction) id(v map[string]any) string {
	for _, key := range []string{"event_id", "client_msg_id", "iid", "number", "id", "ts"} {
		var id string
		switch x := v[key].(type) {
		case string:
			id = x
		case json.Number:
			id = x.String()
		}
		if id = strings.Map(plainID, id); id != "" {
			return id[:min(len(id), 60)]
		}
	}
	return "n" + strconv.Itoa(e.n)
}

func plainID(c rune) rune {
	if c > ' ' && c < 0x7f && c != '#' {
		return c
	}
	return -1
}

func inside(v map[string]any, key string) map[string]any {
	m, _ := v[key].(map[string]any)
	return m
}

func text(v map[string]any, key string) string {
	s, _ := v[key].(string)
	return s
}

// first returns the first of the keys that has text.
func first(v map[string]any, keys ...string) string {
	i := slices.IndexFunc(keys, func(key string) bool { return strings.TrimSpace(text(v, key)) != "" })
	if i < 0 {
		return ""
	}
	return text(v, keys[i])
}

package route

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ReadTable reads what MarshalJSON wrote, and settles conflicts again, one route after the other as they come. What has no
// routes at all is no table, though one may have none.
func ReadTable(from io.Reader) (*Table, error) {
	d := json.NewDecoder(from)
	var w wireTable
	err := each(d, '{', func() error { return w.read(d) })
	if err == nil && w.Routes == nil {
		err = errors.New("a table has routes")
	}
	if err == nil {
		err = ended(d)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a table: %w", err)
	}
	return Build(w.Routes, w.Problems), nil
}

// read reads one member of a table. Others than the known ones may be a later version's.
func (w *wireTable) read(d *json.Decoder) error {
	name, err := d.Token()
	if err != nil {
		return err
	}
	switch name {
	case "routes":
		w.Routes = []Route{}
		return each(d, '[', func() error {
			var r Route
			if err := d.Decode(&r); err != nil {
				return err
			}
			w.Routes = append(w.Routes, r)
			return nil
		})
	case "problems":
		return d.Decode(&w.Problems)
	}
	return d.Decode(new(json.RawMessage))
}

// each calls element for each element of an object or array.
func each(d *json.Decoder, open json.Delim, element func() error) error {
	first, err := d.Token()
	if err != nil {
		return err
	}
	if first != open {
		return fmt.Errorf("%v stands where %v begins", first, open)
	}
	for d.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// ended reports that nothing follows the value.
func ended(d *json.Decoder) error {
	switch _, err := d.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return errors.New("something follows it")
}

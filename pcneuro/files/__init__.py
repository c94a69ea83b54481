"""Files that are written whole or not at all, and archives of JSON and plain arrays, which run no code when read."""

from pcneuro.files.archive import get_archive as get_archive
from pcneuro.files.archive import put_archive as put_archive
from pcneuro.files.archive import read_archive as read_archive
from pcneuro.files.archive import write_archive as write_archive
from pcneuro.files.guarded import GuardedFile as GuardedFile
from pcneuro.files.guarded import guarded as guarded
from pcneuro.files.leftovers import finished as finished
from pcneuro.files.leftovers import remove_left as remove_left
from pcneuro.files.leftovers import scratch as scratch
from pcneuro.files.leftovers import unfinished as unfinished
from pcneuro.files.pieces import ArrayFile as ArrayFile
from pcneuro.files.reading import STUMBLES as STUMBLES
from pcneuro.files.reading import npy_array as npy_array
from pcneuro.files.reading import open_regular as open_regular
from pcneuro.files.writing import path_of as path_of
from pcneuro.files.writing import place as place
from pcneuro.files.writing import write_atomically as write_atomically
from pcneuro.files.writing import write_folder as write_folder
from pcneuro.files.writing import writing as writing

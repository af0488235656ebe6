"""The words of the built-in graph's names: syllables for made-up names, real words for kinds of things.

A place name is a stem and an ending: two or three pieces to the Mistral-7B-v0.1 tokenizer. So a place and one more word
("Brenmoor College") need no more than four pieces.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(","))


STEMS: Final = _words(
    """
    Al Ald Am Ar Ard Ash Bal Ban Bar Barn Bas Bel Ben Ber Berg Bern Bir Black Bol Bor Bow Brand Bren Brig
    Brook Bry Burn Cal Cam Car Carl Cas Cast Chel Clar Clay Col Con Cor Cross Dal Dan Dar Del Den Der Don
    Dor Dun Dur East Ed El Els Em Er Es Fair Fal Far Fen Fern Field Fin Flor Fox Gal Gar Gel Ger Gil Glen
    Gold Gor Gran Green Hal Hald Ham Han Har Hart Has Hav Haw Hel Hem Hen Her Hol Hor Hunt Il Ing Iron Jar
    Kal Kar Kel Ken Ker Kil King Kir Kol Kor Lam Lan Lang Lar Lay Lim Lin Lind Lor Lou Lyn Mal Man Mar
    Mart Mat Mel Mer Mid Mil Mon Mont Mor Mos Mur Nar Nel Nor Nord Oak Ol Ost Os Pal Par Pen Per Pet Pin
    Pol Port Pres Ram Rav Red Rem Ren Ric Ris Rob Ros Roth Row Rud Rus Sal San Sand Sar Sax Sel Sha Shel
    Sher Sil Silver Sol Som Stan Stein Ster Stock Sul Sun Sur Tal Tam Tan Tar Tel Ter Thor Tol Tor Tre Tur
    Ul Val Van Var Vel Ver Vin Vol Wal Wald War Wat Well Wer Wes Wil Win Wind Wol Wood Wor
    """
)

PLACE_ENDINGS: Final = _words(
    """
    ton ford bury ham field wick burg stad vik moor ville mont port gate dale well den wood worth ley bach
    berg feld haven holm by stead mouth bridge hill mere ston lin mar nes ria sted stein tal ling borough
    ness low lake bourne heim dorf burn water side ster pool ridge stone cross kirk point ven gard lund
    rod stow grad ova ica ino ero osa ara ena ina ola
    """
)

# Prefixes of places, for when every plain place name is taken.
PLACE_PREFIXES: Final = _words(
    "New Old Upper Lower East West North South Little Great Port High Long Royal Inner Outer"
)

FAMILY_ENDINGS: Final = _words(
    """
    mer sen son man er ius elli etti ini ov ova ev ski sky ic ich es ez ardo ander qvist strom gren blad
    mann hardt ler ner rich brecht hart lein aert oux eau et ette ard ais ani ari esu escu idis akis oglu
    sund rud vold mark
    """
)

LONG_FAMILY_ENDINGS: Final = _words(
    """
    enstrom inelli erssen avicius adottir opoulos ashvili iewicz enberger escalco anovich ington erlund
    allier ondino arella uchenko ovskaya enhauer isalo okoski ainen avendra imoto anyan ellini ombardi
    """
)

GIVEN: Final = _words(
    """
    Ada Adela Adrian Agnes Aidan Alba Albin Aldo Alena Alice Alma Alva Alvin Amara Amelia Anders Andrea
    Anika Anita Anton Arlo Arno Aron Arthur Arvid Astrid August Aurora Axel Beata Bela Benno Bianca Birgit
    Boris Bruno Callum Camilla Carlo Carmen Cecil Celia Clara Clement Colin Conrad Cora Cyril Dagmar
    Damian Daria Dario David Delia Diana Dina Dirk Dora Doris Edda Edgar Edith Edvin Egon Elena Elias Elin
    Elisa Ella Elmo Elsa Emil Emma Enid Erik Erna Ernst Esther Eugen Eva Fabian Felix Fiona Flora Florian
    Franz Frida Fritz Gemma Georg Gerda Gloria Greta Guido Gustav Hanna Hannes Harald Hector Hedda Heidi
    Helena Henrik Hilda Hugo Ida Ignaz Ilse Imre Ines Inga Ingrid Ira Irene Iris Isak Isolde Ivan Ivo
    Jakob Jana Janos Jarl Jasper Jens Joana Johan Jonas Josef Judith Julia Julius Karin Karl Kasper Katja
    Kilian Klara Klaus Knut Lara Lars Laura Lea Lena Leo Leon Leonora Lidia Linda Lisa Livia Lorenz Lotte
    Louis Lucia Ludwig Luisa Lukas Lydia Magda Magnus Maja Malte Manuel Mara Marco Maria Marina Mario
    Marta Martin Mathis Matteo Maud Max Maya Mia Mikael Mila Mina Miriam Mona Moritz Nadia Natan Nelly
    Nestor Nico Niels Nikolai Nina Noah Nora Olaf Olga Olivia Oscar Otto Paula Pavel Pedro Petra Pia
    Rafael Ragnar Ramon Regina Renata Rikard Rita Robin Roland Roman Rosa Rudolf Rufus Ruth Sabina Samuel
    Sandra Sara Sava Selma Severin Sigrid Silas Silvia Simon Sofia Sonja Stefan Stella Sten Sven Tamara
    Tania Tara Tessa Theo Thora Tilda Tobias Tomas Ulla Ulrik Ursula Valter Vera Victor Viggo Viktor
    Vincent Viola Vita Walter Wanda Wilma Xaver Yvonne Zara Zelda Zeno Zora
    """
)

COUNTRY_STEMS: Final = _words(
    """
    Ald Bar Bel Bor Cal Cas Cor Dal Dar Dor Eld Est Fal Gal Gar Gran Hal Hel Is Kal Kar Kor Lor Mal Mar
    Mer Mor Nar Nor Ost Pal Par Ros Sal Sar Sel Sol Tal Tar Tor Ul Val Var Vel Ver Vol Wal Zam Zan Zel
    """
)
COUNTRY_ENDINGS: Final = _phrases("dania, avia, ovia, istan, onia, essa, mark, oria, elia, uria, mera")

SCHOOLS: Final = _phrases("College, Academy, University, School, Institute, Law School, Polytechnic")
FACULTIES: Final = _phrases("Music, Law, Medicine, Science, Technology, Agriculture, Design, Languages")
CLUBS: Final = _phrases("Rovers, United, City, Athletic, Union, Rangers, Stars, Eagles, Lions, Bears")
CLUB_PREFIXES: Final = _phrases("FC, AC, SC")
CONTESTS: Final = _phrases(
    """
    Open, Cup, League, Masters, Derby, Classic, Trophy, Shield, Regatta, Marathon, Championship,
    Invitational, Grand Prix, Memorial, Challenge, Games, Tour, Bowl, Relay
    """
)
CONTEST_GRADES: Final = _phrases(
    """
    Winter, Summer, Spring, Autumn, Youth, Junior, Veterans, Amateur, National, Northern, Southern,
    Coastal, Alpine, Harbour, Midnight, Jubilee, Founders, Students
    """
)

OCCUPATIONS: Final = _phrases(
    """
    architect, botanist, painter, sculptor, novelist, poet, playwright, journalist, composer, singer,
    conductor, pianist, violinist, cellist, guitarist, drummer, dancer, actor, film director,
    photographer, printmaker, illustrator, potter, weaver, tailor, jeweller, goldsmith, watchmaker,
    blacksmith, carpenter, mason, glazier, plumber, electrician, mechanic, engineer, surveyor,
    cartographer, geographer, geologist, chemist, physicist, astronomer, mathematician, statistician,
    logician, biologist, zoologist, entomologist, ornithologist, ecologist, geneticist, physician,
    surgeon, dentist, nurse, midwife, pharmacist, veterinarian, psychologist, philosopher, historian,
    archaeologist, anthropologist, sociologist, economist, linguist, translator, librarian, archivist,
    curator, teacher, professor, judge, lawyer, notary, diplomat, politician, mayor, civil servant,
    banker, accountant, merchant, broker, publisher, printer, editor, bookseller, baker, brewer, butcher,
    cook, farmer, gardener, forester, shepherd, beekeeper, winemaker, fisherman, sailor, navigator,
    shipwright, pilot, astronaut, explorer, soldier, general, police officer, detective, priest, monk,
    theologian, organist, chess player, jockey, fencer, magician, puppeteer, comedian, inventor,
    programmer, game designer, town planner, restorer, meteorologist, oceanographer, hydrologist,
    mineralogist, musicologist
    """
)
OCCUPATION_FIELDS: Final = _phrases("marine, court, military, rural, medical, colonial, travelling, amateur")

POSITIONS: Final = _phrases(
    """
    goalkeeper, sweeper, centre back, left back, right back, wing back, left winger, right winger, inside
    forward, striker, shadow striker, target man, point guard, shooting guard, small forward, power forward,
    stretch four, pitcher, relief pitcher, catcher, first baseman, second baseman, third baseman,
    shortstop, left fielder, right fielder, centre fielder, designated hitter, quarterback, running back,
    wide receiver, tight end, left tackle, right tackle, nose tackle, cornerback, free safety, strong
    safety, kicker, punter, long snapper, linebacker, hooker, loosehead prop, tighthead prop, lock
    forward, flanker, number eight, scrum half, fly half, inside centre, outside centre, full back,
    opening batter, wicket keeper, fast bowler, leg spinner, off spinner, slip fielder, silly mid-on,
    goaltender, left defenseman, right defenseman, power-play centre, grinder, enforcer, setter, libero,
    outside hitter, middle blocker, opposite hitter, pivot player, playmaker, wing attack, goal shooter,
    goal attack, goal defence, bow rower, stroke rower, coxswain, driver, brakeman, skip, lead, anchor
    leg, rover, ruckman, half forward
    """
)

SPORTS: Final = _phrases(
    """
    football, futsal, rugby, cricket, baseball, softball, basketball, netball, volleyball, handball, water
    polo, polo, field hockey, ice hockey, bandy, floorball, lacrosse, hurling, shinty, camogie, tennis,
    table tennis, badminton, squash, padel, pelota, golf, croquet, lawn bowls, curling, bowling,
    billiards, snooker, darts, archery, shooting, fencing, boxing, wrestling, judo, karate, taekwondo,
    sumo, kendo, sambo, kickboxing, gymnastics, trampolining, acrobatics, weightlifting, powerlifting,
    sprinting, race walking, hurdling, pole vault, shot put, javelin throw, decathlon, triathlon,
    biathlon, pentathlon, orienteering, fell running, swimming, diving, synchronised swimming, surfing,
    windsurfing, kitesurfing, sailing, rowing, canoeing, kayaking, rafting, dragon boating, water skiing,
    cycling, track cycling, mountain biking, motocross, speedway, karting, rallying, drag racing, horse
    racing, show jumping, dressage, rodeo, sled dog racing, alpine skiing, ski jumping, freestyle skiing,
    snowboarding, speed skating, figure skating, bobsleigh, luge, skeleton, climbing, ice climbing,
    parkour, skateboarding, gliding, paragliding, parachuting, chess, draughts
    """
)

CLASSES: Final = _phrases(
    """
    opera, ballet, symphony, cantata, song, hymn, novel, novella, poem, play, short story, essay,
    newspaper, magazine, painting, fresco, mural, tapestry, statue, fountain, monument, obelisk, mosaic,
    altarpiece, film, documentary, radio drama, board game, card game, video game, museum, art gallery,
    theatre, concert hall, library, archive, observatory, planetarium, zoo, aquarium, park, garden,
    arboretum, orchard, vineyard, brewery, distillery, mill, windmill, watermill, foundry, shipyard, mine,
    quarry, lighthouse, harbour, canal, lock, dam, reservoir, bridge, viaduct, aqueduct, tunnel, railway
    station, tram stop, airfield, castle, palace, manor, fortress, tower, city gate, town hall,
    courthouse, prison, barracks, hospital, sanatorium, pharmacy, inn, hotel, restaurant, tavern, market,
    department store, bank, abbey, church, chapel, cathedral, temple, shrine, cemetery, cave, waterfall,
    spring, island, peninsula, lagoon, glacier, valley, meadow, nature reserve, ship, barge, sailing ship,
    locomotive, balloon, choir, orchestra, string quartet, dance troupe, circus, charity, guild, learned
    society, publishing house
    """
)
CLASS_KINDS: Final = _phrases("small, ruined, mobile, private, royal, historic, open-air, floating")

ADJECTIVES: Final = _words(
    """
    Amber Ancient Autumn Blue Bold Brave Bright Bronze Broken Burning Calm Clear Copper Crimson Crystal
    Dancing Dark Distant Early Eastern Empty Fading Fallen Falling Fearless Final First Flying Forgotten
    Four Gentle Gilded Giant Glass Golden Grand Gray Green Happy Hidden Hollow Honest Humble Hundred
    Infinite Ivory Jade Last Late Laughing Lonely Lost Lucky Marble Merry Midnight Morning Narrow Noble
    Northern Painted Pale Patient Perfect Proud Purple Quiet Red Restless Running Sacred Scarlet Second
    Secret Seven Shining Silent Silver Simple Singing Sleeping Southern Steady Stone Summer Swift Tall
    Third Thousand Three Twin Velvet Violet Wandering Western White Wild Winding Winter Wooden Yellow
    Young
    """
)

NOUNS: Final = _words(
    """
    Anchor Angel Apple Arch Arrow Bell Bird Boat Book Bridge Candle Castle Chain Circle Clock Cloud Coast
    Compass Crane Cross Crown Dance Dawn Deer Door Dove Dragon Dream Drum Eagle Echo Falcon Feather Field
    Fire Fish Flag Flame Flower Flute Forest Fountain Fox Garden Gate Ghost Hammer Harbor Harp Hawk Heart
    Hill Horn Horse House Hunter Island Journey Key King Kiss Knight Ladder Lake Lamp Lantern Leaf Letter
    Light Lily Lion Mask Mirror Moon Mountain Needle Nest Night Oak Orchard Owl Palace Path Pearl Pilgrim
    Pine Poppy Prince Queen Rain Raven Ribbon Ring River Road Rose Sail Sailor Salt Shadow Shell Shepherd
    Ship Shore Sky Snow Song Sparrow Spring Star Stone Storm Stranger Stream Sun Swan Sword Tale Thorn
    Thread Tide Tower Tree Valley Violin Voice Wagon Wall Watch Water Wave Well Wheel Willow Wind Window
    Wing Wolf Wood
    """
)

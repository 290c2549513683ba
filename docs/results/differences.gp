# differences.gp: draws differences.csv, what the MSD scheme that dev picks has over KD under each view, as differences.svg.
# In this folder: gnuplot differences.gp
set encoding utf8
set terminal svg size 900,460 noenhanced font 'sans-serif,13' background 'white'
set output 'differences.svg'
set datafile separator comma
set multiplot layout 1,2
set xrange [-0.12:0.16]
set xtics 0.1 format '%+.1f' nomirror textcolor rgb 'black'
set ytics scale 0 textcolor rgb 'black'
set grid xtics lc rgb '#dddddd'
set border 1 lc rgb '#888888'
set arrow from 0, graph 0 to 0, graph 1 nohead lc rgb '#555555'
set offsets 0, 0, 0.6, 0.6
set yrange [] reverse
set lmargin 29
set tmargin 5
set bmargin 4
set xlabel 'MSD − KD, 95 % interval'
views = 'joint text image'
labels = '"both modalities" "text alone" "image alone"'
colours = '#1b6ac9 #d97a00 #1d8a4e'
array students[2] = ['2 x 128', 'three layers']
array titles[2] = ['two layers of 128, from scratch', "three of the teacher's layers"]
rows(student, view) = sprintf("< grep '\",%s,.*,%s,' differences.csv", student, view)
do for [s = 1:2] {
    set title titles[s]
    if (s == 1) { set key at screen 0.72, screen 0.96 samplen 1 } else { unset key }
    plot for [v = 1:3] rows(students[s], word(views, v)) using 5:($0 + 0.22 * (v - 2)):6:7 \
             with xerrorbars pt 7 ps 0.6 lw 2 lc rgb word(colours, v) title word(labels, v), \
         rows(students[s], 'joint') using (NaN):0:yticlabel(1) notitle
}
unset multiplot
